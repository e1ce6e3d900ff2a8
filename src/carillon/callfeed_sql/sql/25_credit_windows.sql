-- Credit windows: how the tiers above a call's customer promise money without a row that every call changes (decision 0012).
--
-- The control of an edge is granted a slice of an account, counted in its reserved_micro and in the window's granted_micro.
-- Calls spend the slice in control's memory; what a call has of it, its share, is written with its hold. At any instant
--     what control has free in memory <= granted_micro - shares of the edge's open holds,
-- so what is promised is never more than what is reserved. What the memory can't give is granted for the call alone, under
-- the lock of the account's row ("exactly"). Rating takes a call's share out of the window in the transaction that writes
-- its charge down; a call that was never answered leaves its share in the window. A control whose lease is no longer in
-- force has nothing in memory, whatever it believes: its calls are granted exactly what they need.
--
-- Order of locks: the hold, the edge's lease, accounts by id; a window only under the lock of its account.

create function callfeed.lease_lock(edge text) returns bigint
language plpgsql immutable as $$
begin
    return hashtextextended('carillon.credit_windows:' || edge, 0);
end
$$;

-- Whether the lease is in force; until this transaction is over nobody else takes it and counts what is free.
create function callfeed.has_lease(edge text, lease uuid) returns boolean
language plpgsql as $$
begin
    perform pg_advisory_xact_lock_shared(callfeed.lease_lock(edge));
    return exists (
        select from public.billing_edgelease l where l.edge = has_lease.edge and l.lease = has_lease.lease
    );
end
$$;

create function callfeed.lock_accounts(ids bigint[]) returns void
language plpgsql as $$
begin
    perform from public.billing_account a where a.id = any (ids) order by a.id for no key update;
end
$$;

create function callfeed.accounts_in(pairs jsonb) returns bigint[]
language plpgsql immutable as $$
begin
    return array(select (e ->> 0)::bigint from jsonb_array_elements(pairs) e);
end
$$;

-- What the holder of an account may still spend.
create function callfeed.available(account_id bigint) returns bigint
language plpgsql stable as $$
begin
    return (
        select a.balance_micro - a.reserved_micro - a.unposted_micro + a.credit_limit_micro
        from public.billing_account a where a.id = available.account_id
    );
end
$$;

-- Of [[account id, ...], ...] the entry of an account; null when it has none.
create function callfeed.entry_of(entries jsonb, account_id jsonb) returns jsonb
language plpgsql immutable as $$
begin
    return jsonb_path_query_first(entries, 'strict $[*] ? (@[0] == $id)', jsonb_build_object('id', account_id));
end
$$;

-- What a call needs of the tiers above. `needed` is [[account id, total of the call, how much of it is new and comes from
-- control's memory], ...], `held` its shares so far, [[account id, micro-units], ...]. `shares` are its shares afterwards,
-- `missing` is what must be granted for it.
create function callfeed.upper_shares(
    edge text, lease uuid, needed jsonb, held jsonb, out shares jsonb, out missing jsonb
)
language plpgsql as $$
declare
    may_spend constant boolean := needed @? '$[*][2] ? (@ > 0)' and callfeed.has_lease(edge, lease);
    tier jsonb;
    has bigint;
    lacks bigint;
begin
    shares := '[]';
    missing := '[]';
    -- tiers are few: going through them takes a fifth of what a query over both lists does
    for i in 0 .. coalesce(jsonb_array_length(needed), 0) - 1 loop
        tier := needed -> i;
        has := coalesce((callfeed.entry_of(held, tier -> 0) ->> 1)::bigint, 0)
               + case when may_spend then greatest((tier ->> 2)::bigint, 0) else 0 end;
        lacks := greatest((tier ->> 1)::bigint - has, 0);
        shares := shares || jsonb_build_array(jsonb_build_array(tier -> 0, has + lacks));
        if lacks > 0 then
            missing := missing || jsonb_build_array(jsonb_build_array(tier -> 0, lacks));
        end if;
    end loop;
    for i in 0 .. coalesce(jsonb_array_length(held), 0) - 1 loop
        if callfeed.entry_of(needed, held -> i -> 0) is null then
            shares := shares || jsonb_build_array(held -> i);
        end if;
    end loop;
end
$$;

-- Whether each account has so much: [[account id, micro-units], ...].
create function callfeed.upper_can_pay(missing jsonb) returns boolean
language plpgsql stable as $$
begin
    return not exists (
        select from jsonb_array_elements(missing) n
        where callfeed.available((n ->> 0)::bigint) >= (n ->> 1)::bigint is not true
    );
end
$$;

-- Grants the edge what one of its calls needs; the accounts are locked and can pay.
create function callfeed.grant_exactly(edge text, missing jsonb) returns void
language plpgsql as $$
begin
    update public.billing_account a set reserved_micro = a.reserved_micro + (n ->> 1)::bigint
    from jsonb_array_elements(missing) n where a.id = (n ->> 0)::bigint;
    insert into public.billing_creditwindow as w (partner_id, account_id, edge, granted_micro)
    select a.partner_id, a.id, grant_exactly.edge, (n ->> 1)::bigint
    from jsonb_array_elements(missing) n join public.billing_account a on a.id = (n ->> 0)::bigint
    order by a.id
    on conflict on constraint one_window_each do update set granted_micro = w.granted_micro + excluded.granted_micro;
end
$$;

-- What of each window of an edge is in no call: granted less the shares of the open holds.
create function callfeed.free_credit(edge text) returns table (account_id bigint, free_micro bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select w.account_id, (w.granted_micro - coalesce(s.micro, 0))::bigint
    from public.billing_creditwindow w
    left join (
        select (e ->> 0)::bigint as account_id, sum((e ->> 1)::bigint) as micro
        from public.calls_call c  -- a hold ends with its call at the latest: by the index on those
        join public.billing_hold h on h.call_id = c.id and h.state = 'open'
        cross join jsonb_array_elements(h.upper) e
        where c.edge = $1 and c.state <> 'rated' group by 1
    ) s on s.account_id = w.account_id
    where w.edge = $1
    order by w.account_id
$$;

-- ---------------------------------------------------------------- for control

-- All windows of an edge become this control's: what is free in each. Whoever had them before has nothing any more.
create function callfeed.take_lease(edge text, lease uuid) returns table (account_id bigint, free_micro bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform pg_advisory_xact_lock(callfeed.lease_lock(edge));  -- waits for the calls that spend by the old lease
    insert into public.billing_edgelease as l (edge, lease, expires_at)
    values (take_lease.edge, take_lease.lease, now() + interval '1 minute')
    on conflict on constraint one_lease_each do update set lease = excluded.lease, expires_at = excluded.expires_at;
    return query select * from callfeed.free_credit(take_lease.edge);
end
$$;

-- Another minute; false when the lease is no longer in force.
create function callfeed.renew_lease(edge text, lease uuid) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    update public.billing_edgelease l set expires_at = now() + interval '1 minute'
    where l.edge = renew_lease.edge and l.lease = renew_lease.lease;
    return found;
end
$$;

-- Grants a slice if `least_left` stays available besides: the amount, 0 when the account is too near its limit, -1 when the
-- lease is no longer in force.
create function callfeed.grant_credit(edge text, lease uuid, account_id bigint, amount bigint, least_left bigint)
returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if not callfeed.has_lease(edge, lease) then
        return -1;
    end if;
    perform callfeed.lock_accounts(array[account_id]);
    if amount <= 0 or callfeed.available(account_id) < amount + least_left then
        return 0;
    end if;
    perform callfeed.grant_exactly(edge, jsonb_build_array(jsonb_build_array(account_id, amount)));
    return amount;
end
$$;

-- Takes back what control does not need; it has forgotten the amount already. False when the lease is no longer in force.
create function callfeed.return_credit(edge text, lease uuid, account_id bigint, amount bigint) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if amount <= 0 or not callfeed.has_lease(edge, lease) then
        return false;
    end if;
    perform callfeed.lock_accounts(array[account_id]);
    update public.billing_account a set reserved_micro = a.reserved_micro - amount where a.id = return_credit.account_id;
    update public.billing_creditwindow w set granted_micro = w.granted_micro - amount
    where w.account_id = return_credit.account_id and w.edge = return_credit.edge;
    return true;
end
$$;

-- ---------------------------------------------------------------- for the worker

-- Edges whose lease has ended give back what no call has of their windows; how much that was. The shares of calls go when
-- they are rated.
create function callfeed.sweep_credit() returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    edges text[] := array(
        select distinct w.edge from public.billing_creditwindow w
        where not exists (
            select from public.billing_edgelease l where l.edge = w.edge and l.lease is not null and l.expires_at >= now()
        ) order by 1
    );
    freed jsonb;
begin
    if edges = '{}' then
        return 0;
    end if;
    perform pg_advisory_xact_lock(callfeed.lease_lock(e)) from unnest(edges) e;
    update public.billing_edgelease l set lease = null where l.edge = any (edges) and l.expires_at < now();
    edges := array(  -- but for those that a control has taken meanwhile
        select e from unnest(edges) e
        where not exists (select from public.billing_edgelease l where l.edge = e and l.lease is not null)
    );
    perform callfeed.lock_accounts(array(
        select w.account_id from public.billing_creditwindow w where w.edge = any (edges)
    ));
    select coalesce(jsonb_agg(jsonb_build_array(w.id, w.account_id, f.free_micro)), '[]') into freed
    from unnest(edges) e
    cross join callfeed.free_credit(e) f
    join public.billing_creditwindow w on w.account_id = f.account_id and w.edge = e
    where f.free_micro > 0;
    update public.billing_account a set reserved_micro = a.reserved_micro - f.micro
    from (
        select (f ->> 1)::bigint as account_id, sum((f ->> 2)::bigint) as micro from jsonb_array_elements(freed) f group by 1
    ) f
    where a.id = f.account_id;
    update public.billing_creditwindow w set granted_micro = w.granted_micro - (f ->> 2)::bigint
    from jsonb_array_elements(freed) f where w.id = (f ->> 0)::bigint;
    delete from public.billing_creditwindow w where w.edge = any (edges) and w.granted_micro = 0;
    return (select coalesce(sum((f ->> 2)::bigint), 0) from jsonb_array_elements(freed) f);
end
$$;
