-- Bundles: what packages include is held like money, under the lock of the customer's account (decision 0019).
--
-- At any instant a row's granted >= used + reserved, and its reserved is the sum of what open holds have of it. A call takes
-- whole intervals of the package (initial_s, then increment_s) as far as they are there, at last what is left. Seconds are
-- used in the order of the call's decision; which calls come first is who locks the account first.
--
-- Order of locks: the hold, the edge's lease, accounts by id, then allowances by id.

-- Takes seconds until the call has `wanted` in all, from `allowances`, [[id, initial_s, increment_s], ...] in the order of use.
-- `held` is what it has, [[id, seconds], ...]; the same afterwards.
create function callfeed.take_seconds(allowances jsonb, held jsonb, wanted bigint) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    one record;
    taken jsonb := '[]';
    total bigint := callfeed.seconds_in(held);
    whole bigint;
    more bigint;
begin
    perform from public.catalogue_allowance a
    where a.id in (select (e ->> 0)::bigint from jsonb_array_elements(allowances) e) order by a.id for no key update;
    for one in
        select a.id, a.granted - a.used - a.reserved as free, a.starts_at <= now() and a.ends_at > now() as is_live,
               (e.doc ->> 1)::bigint as initial_s, greatest((e.doc ->> 2)::bigint, 1) as increment_s,
               coalesce((select (h ->> 1)::bigint from jsonb_array_elements(held) h where (h ->> 0)::bigint = a.id), 0) as has
        from jsonb_array_elements(allowances) with ordinality e (doc, place)
        join public.catalogue_allowance a on a.id = (e.doc ->> 0)::bigint
        order by e.place
    loop
        whole := greatest(one.has + wanted - total, 0);
        whole := case when whole <= one.initial_s then one.initial_s
                      else one.initial_s + (whole - one.initial_s + one.increment_s - 1) / one.increment_s * one.increment_s end;
        more := case when total < wanted and one.is_live then least(whole - one.has, one.free) else 0 end;
        if more > 0 then
            update public.catalogue_allowance a set reserved = a.reserved + more where a.id = one.id;
            total := total + more;
        end if;
        if one.has + greatest(more, 0) > 0 then
            taken := taken || jsonb_build_array(jsonb_build_array(one.id, one.has + greatest(more, 0)));
        end if;
    end loop;
    return taken;
end
$$;

create function callfeed.seconds_in(held jsonb) returns bigint
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
    return (select coalesce(sum((e ->> 1)::bigint), 0) from jsonb_array_elements(held) e);
end
$$;

-- Gives back what a call has; the account of its customer is locked.
create function callfeed.give_seconds(held jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if held = '[]' then
        return;
    end if;
    perform from public.catalogue_allowance a
    where a.id in (select (e ->> 0)::bigint from jsonb_array_elements(held) e) order by a.id for no key update;
    update public.catalogue_allowance a set reserved = a.reserved - (e ->> 1)::bigint
    from jsonb_array_elements(held) e where a.id = (e ->> 0)::bigint;
end
$$;

-- What allowances have left now; nothing is locked: for who tells, not for who holds.
create function callfeed.seconds_left(allowance_ids bigint[]) returns table (allowance_id bigint, seconds bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select a.id, greatest(a.granted - a.used - a.reserved, 0)
    from public.catalogue_allowance a
    where a.id = any ($1) and a.starts_at <= now() and a.ends_at > now()
$$;
