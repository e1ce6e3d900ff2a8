-- How the legs of a call sounded that belong to the customer whose people ask: the caller's if it placed the call, the
-- called one if one of its phones answered. The call itself is the row of whoever pays, and neither it nor the other leg is
-- theirs to read. Empty for everybody who is not a customer's.
create or replace function public.carillon_own_legs(call_id uuid) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$
    select coalesce(jsonb_agg(l.leg order by l.leg ->> 'side' desc), '[]')  -- the caller's first
    from public.calls_call c
    join public.calls_callevent m on m.call_id = c.id and m.kind = 'media'
    left join public.calls_callevent a on a.call_id = c.id and a.kind = 'answered'
    cross join lateral (select c.decision -> 'targets' -> (a.detail ->> 'target')::int as target) t
    cross join lateral jsonb_array_elements(
        case jsonb_typeof(m.detail -> 'legs') when 'array' then m.detail -> 'legs' else '[]' end
    ) l (leg)
    where c.id = $1
      and case l.leg ->> 'side'
          when 'caller' then c.customer_id = public.carillon_customer() and c.direction <> 'inbound'
          when 'callee' then t.target ->> 'kind' = 'contacts' and public.carillon_customer()
              = (c.decision -> 'chains' -> coalesce((t.target ->> 'chain')::int, 0) ->> 'customer_id')::bigint
          end
$$;

revoke all on function public.carillon_own_legs(uuid) from public;
grant execute on function public.carillon_own_legs(uuid) to carillon_web, carillon_worker;
