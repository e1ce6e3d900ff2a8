-- What a seller grants to the partners below it. They don't see its row, so these run as the owner, answer for partners
-- of the open scope alone and give away nothing but yes or no.

create or replace function public.carillon_has_feature(partner bigint, feature text) returns boolean
language sql stable security definer set search_path = public, pg_temp as
$$
  select partner = any (public.carillon_scope()) and not exists (
    select from partners_partner p join partners_partner a on a.id = any (p.path)
    where p.id = partner and feature = any (a.withheld)
  )
$$;

create or replace function public.carillon_has_room(partner bigint, kind text, more int) returns boolean
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  counted constant text := case kind
    when 'web_products' then 'brands_webproduct' when 'customers' then 'customers_customer'
    when 'users' then 'customers_user' when 'endpoints' then 'endpoints_endpoint' end;
  above record;
  have bigint;
begin
  if not partner = any (public.carillon_scope()) then
    return false;
  end if;
  for above in
    select a.id, case kind when 'web_products' then a.max_web_products when 'customers' then a.max_customers
                           when 'users' then a.max_users when 'endpoints' then a.max_endpoints
                           when 'partners' then a.max_partners end as most
    from partners_partner p join partners_partner a on a.id = any (p.path) where p.id = partner order by a.id
  loop
    continue when above.most is null;
    perform pg_advisory_xact_lock(hashtextextended('carillon_has_room ' || kind, above.id));
    if kind = 'partners' then
      select count(*) - 1 into have from partners_partner where path @> array[above.id];
    else
      execute format('select count(*) from (select from %I where partner_id = any ($1) limit $2) t', counted)
        into have using public.carillon_subtree(above.id), above.most + 1;
    end if;
    if have + more > above.most then
      return false;
    end if;
  end loop;
  return true;
end $$;

-- By what a partner's prices are converted: its own rates and those of its sellers, whose rows it does not see.
drop function if exists public.carillon_exchange_rates(bigint);
create function public.carillon_exchange_rates(partner bigint)
returns table (id bigint, partner_id bigint, source text, target text, rate numeric, effective_from timestamptz, loss_percent numeric)
language sql stable security definer set search_path = public, pg_temp as
$$
  select r.id, r.partner_id, r.source::text, r.target::text, r.rate, r.effective_from, r.loss_percent
  from partners_partner p join pricing_exchangerate r on r.partner_id = any (p.path)
  where p.id = partner and p.id = any (public.carillon_scope())
  order by array_position(p.path, r.partner_id) desc
$$;
revoke all on function public.carillon_exchange_rates(bigint) from public;
grant execute on function public.carillon_exchange_rates(bigint) to carillon_web, carillon_worker;

revoke all on function public.carillon_has_feature(bigint, text), public.carillon_has_room(bigint, text, int) from public;
grant execute on function public.carillon_has_feature(bigint, text), public.carillon_has_room(bigint, text, int)
    to carillon_web, carillon_worker;
