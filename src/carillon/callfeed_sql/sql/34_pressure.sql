-- Calls wait for their decisions: then what has ended is not rated at once. Control says so by a lock of its session, which
-- goes with it, however it ends.

create function callfeed.waiting_calls() returns bigint
language sql immutable as $$ select hashtextextended('callfeed.waiting_calls', 0) $$;

-- For control: calls wait, until the session says calls_flow. Several controls may say so.
create function callfeed.calls_wait() returns void
language plpgsql as $$ begin perform pg_advisory_lock_shared(callfeed.waiting_calls()); end $$;

create function callfeed.calls_flow() returns void
language plpgsql as $$ begin perform pg_advisory_unlock_shared(callfeed.waiting_calls()); end $$;

-- For the worker. Two that ask at the very same time may both hear yes: they ask again soon.
create function callfeed.do_calls_wait() returns boolean
language plpgsql as $$
begin
    return not pg_try_advisory_lock(callfeed.waiting_calls()) or not pg_advisory_unlock(callfeed.waiting_calls());
end
$$;

-- Answered calls that are over need no channel any more, though what they cost is not known yet. Who rates one meanwhile
-- gives its channel back itself.
create function callfeed.free_channels(call_ids uuid[]) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    found bigint[];
begin
    with over as materialized (
        select h.id, h.account_id from public.billing_hold h
        where h.call_id = any (call_ids) and h.state = 'open' and h.has_channel
        order by h.id for update skip locked
    ), freed as (
        update public.billing_hold h set has_channel = false from over where h.id = over.id
    )
    select array_agg(over.account_id) into found from over;
    perform callfeed.lock_accounts(found);
    update public.billing_account a set open_calls = a.open_calls - n.times
    from (select u.id, count(*)::integer as times from unnest(found) u (id) group by u.id) n
    where a.id = n.id;
end
$$;
