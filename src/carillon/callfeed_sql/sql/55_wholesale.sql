-- What a partner pays to its parent, read by the partner itself: the parent's lists lie outside its scope, so these views
-- put the wall up themselves and show nothing but the version in force of the lists that the reader buys by.

create view callfeed.wholesale as
select a.id, a.buyer_partner_id, a.traffic::text, l.name::text as list, l.currency::text, v.id as version_id,
       v.effective_from, v.rate_count::bigint, n.effective_from as next_from
from public.pricing_priceassignment a
join public.pricing_pricelist l on l.id = a.price_list_id
left join lateral (
    select v.id, v.effective_from, v.rate_count
    from public.pricing_pricelistversion v
    where v.price_list_id = l.id and v.state = 'approved' and v.effective_from <= now()
    order by v.effective_from desc, v.number desc
    limit 1
) v on true
left join lateral (
    select min(n.effective_from) as effective_from
    from public.pricing_pricelistversion n
    where n.price_list_id = l.id and n.state = 'approved' and n.effective_from > now()
) n on true
where a.buyer_partner_id = any ((select public.carillon_scope())::bigint[])
  and (select public.carillon_customer()) is null;

create view public.pricing_wholesalelist with (security_barrier = true) as
select id, buyer_partner_id as partner_id, traffic, list, currency, effective_from, rate_count, next_from
from callfeed.wholesale;

create view public.pricing_wholesalerate with (security_barrier = true) as
select r.id, w.buyer_partner_id as partner_id, w.id as wholesale_id, w.list, w.currency, r.prefix::text, r.name::text,
       r.connection_fee, r.per_minute, r.initial_s, r.increment_s, r.grace_s, r.minimum, r.maximum,
       r.steps::text, r.windows::text
from callfeed.wholesale w
join public.pricing_rate r on r.version_id = w.version_id;

grant select on public.pricing_wholesalelist, public.pricing_wholesalerate to carillon_web, carillon_worker;
