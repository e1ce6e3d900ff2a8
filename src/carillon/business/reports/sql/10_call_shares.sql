-- What each CDR is to each partner (reports.models.CallShare). It asks in the reader's name: nobody sees here what the
-- CDRs would not show. `s` is the sale to the customer, `c` every row of the same call and charged party.
create view public.reports_callshare with (security_invoker = true) as
select s.call_id, s.started_at, s.started_on, date_trunc('hour', s.started_at, 'UTC') as hour, s.partner_id as seller_id,
       s.customer_id, s.tab, s.destination, f.partner_id, f.currency, f.calls, f.answered, f.talked_ms, f.rung, f.ring_ms,
       f.revenue_micro, f.cost_micro
from public.calls_cdr s
join public.calls_cdr c on c.call_id = s.call_id and c.started_on = s.started_on and c.chain_no = s.chain_no
cross join lateral (
    select above.id as partner_id, s.currency, 1 as calls, (s.outcome = 'answered')::integer as answered,
           s.duration_ms as talked_ms, (s.ring_ms is not null)::integer as rung, coalesce(s.ring_ms, 0) as ring_ms,
           0::bigint as revenue_micro, 0::bigint as cost_micro
    from public.partners_partner p
    cross join lateral unnest(p.path) above (id)
    where c.id = s.id and p.id = s.partner_id
    union all
    select c.partner_id, c.currency, 0, 0, 0, 0, 0, c.amount_micro, 0
    where c.amount_micro <> 0 and not c.is_carrier_cost
    union all
    select case when c.is_carrier_cost then c.partner_id else c.buyer_partner_id end, c.currency, 0, 0, 0, 0, 0, 0,
           c.amount_micro
    where c.amount_micro <> 0 and (c.is_carrier_cost or c.buyer_partner_id is not null)
) f
where s.tier = 0 and not s.is_carrier_cost;

grant select on public.reports_callshare to carillon_web, carillon_worker;
