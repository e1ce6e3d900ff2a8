-- What the call path may change: holds and calls. Each function is one transaction of control or the edge.
-- calls_call.due_at is when the worker looks at a call next: to rate it once it has ended, else to see whether it lives.
-- What every call runs is plpgsql, also where plain SQL would do: plpgsql keeps its plans, SQL functions with a search_path
-- of their own are planned at each call, which takes several times what they do. What is called from here alone has neither
-- rights nor a search_path of its own: it runs with those of its caller, and each switch costs as much as a short query.
-- All lock in one order, as the worker's rating does: a call, its holds, accounts by ascending id. Otherwise two that meet
-- over one call would wait for each other.

-- Adds the call's row; false when it is there already, so that every caller may repeat itself after a lost answer.
create function callfeed.add_call(
    call_id uuid, started_at timestamptz, edge text, decision jsonb, funded_until timestamptz default null
) returns boolean
language plpgsql as $$
declare
    d constant jsonb := add_call.decision;
    owner bigint := (d ->> 'partner_id')::bigint;
begin
    if owner is null then
        owner := coalesce(
            (select g.partner_id from public.routing_gateway g where g.id = (d ->> 'source_gateway_id')::bigint),
            -- a stranger's call to a number nobody has: whoever runs the platform should see it
            (select p.id from public.partners_partner p where p.parent_id is null)
        );
    end if;
    insert into public.calls_call (
        id, partner_id, customer_id, callee_partner_id, callee_customer_id, edge, sip_call_id, direction, caller, callee,
        state, started_at, due_at, funded_until, decision
    ) values (
        add_call.call_id, owner, (d ->> 'customer_id')::bigint, (d ->> 'callee_partner_id')::bigint,
        (d ->> 'callee_customer_id')::bigint, left(add_call.edge, 64), left(d -> 'request' ->> 'sip_call_id', 255),
        left(d ->> 'direction', 10), left(case when d -> 'is_withheld' = 'true' and d ->> 'direction' = 'onnet' then 'anonymous'  -- the called side sees it
                       else coalesce(d ->> 'caller', '') end, 64), left(coalesce(d ->> 'callee', ''), 64),
        'trying', add_call.started_at, now() + interval '30 seconds', add_call.funded_until, d
    ) on conflict (id) do nothing;
    return found;
end
$$;

-- Ends the call before any ring. `detail` of the event carries the slug as "refusal".
create function callfeed.mark_refused(call_id uuid, detail jsonb) returns void
language plpgsql as $$
begin
    insert into public.calls_callevent (call_id, kind, at_ms, source, detail, recorded_at)
    values (mark_refused.call_id, 'failed', extract(epoch from clock_timestamp()) * 1000, 'control',
            mark_refused.detail || '{"by": "carillon"}', now())
    on conflict do nothing;
    update public.calls_call c set state = 'ended', ended_at = clock_timestamp(), due_at = now()
    where c.id = mark_refused.call_id and c.state <> 'rated';
end
$$;

create function callfeed.refuse_call(call_id uuid, started_at timestamptz, edge text, decision jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if not callfeed.add_call(call_id, started_at, edge, decision) then
        -- one of its chains could not be paid: control has given the holds of the others back
        update public.calls_call c set decision = refuse_call.decision
        where c.id = refuse_call.call_id and c.state = 'trying';
        if not found then
            return;
        end if;
    end if;
    perform callfeed.mark_refused(call_id, jsonb_build_object(
        'refusal', decision -> 'refusal' -> 'slug', 'sip_code', decision -> 'refusal' -> 'sip_code',
        'reason', decision -> 'refusal' -> 'reason'
    ));
end
$$;

-- Why the holder of an account may not make a paid call now, money aside; null when it may.
create function callfeed.barred(account_id bigint) returns text
language plpgsql stable as $$
begin
    return (
        select case
            when c.status <> 'active' then 'customer-' || c.status
            when exists (
                select from public.partners_partner up where up.id = any (p.path) and up.status <> 'active'
            ) then 'partner-suspended'
        end
        from public.billing_account a
        join public.partners_partner p on p.id = a.partner_id
        left join public.customers_customer c on c.id = a.customer_id
        where a.id = barred.account_id
    );
end
$$;

-- Sets `amount` aside for a call; the slug of what stands in the way, or null. The one place where prepaid is exact: money
-- and channels are checked and changed in one row under one lock, so that a busy account costs no more than a quiet one.
create function callfeed.take_hold(
    call_id uuid, chain_no integer, account_id bigint, amount bigint, upper jsonb, bundles jsonb default '[]'
) returns text
language plpgsql as $$
declare
    owner bigint;
begin
    if amount > callfeed.daily_spare(account_id) then
        return 'daily-limit-reached';
    end if;
    update public.billing_account a set reserved_micro = a.reserved_micro + amount, open_calls = a.open_calls + 1
    where a.id = take_hold.account_id
      and (amount = 0 or a.balance_micro - a.reserved_micro - a.unposted_micro + a.credit_limit_micro >= amount)
      and not exists (
          select from public.customers_customer c
          left join public.catalogue_subscription s
              on s.customer_id = c.id and s.user_id is null and s.kind = 'plan' and s.state = 'trial'
          left join public.catalogue_product p on p.id = s.product_id
          where c.id = a.customer_id and least(c.max_channels, p.trial_max_channels) <= a.open_calls
      )
    returning a.partner_id into owner;
    if owner is null then
        return case when amount = 0 or callfeed.available(account_id) >= amount then 'channels-exhausted'
                    else 'credit-exhausted' end;
    end if;
    insert into public.billing_hold (
        partner_id, call_id, chain_no, account_id, amount_micro, upper, bundles, state, created_at
    ) values (
        owner, take_hold.call_id, take_hold.chain_no, take_hold.account_id, amount, take_hold.upper, take_hold.bundles, 'open',
        now()
    );
    return null;
end
$$;

-- Money for one chain of a call on every tier, the customer's own exactly, those above as in upper_shares; the slug of what
-- stands in the way, or null. With a `bundle` ({"allowances": as in take_seconds, "seconds": wanted, "fee_micro", "blocks"}) the
-- customer's seconds come from there first: then the fee alone is held, or `hold_micro` when there are none.
create function callfeed.hold_chain(
    call_id uuid, edge text, chain_no integer, hold_account bigint, hold_micro bigint, upper jsonb, lease uuid,
    bundle jsonb default null
) returns text
language plpgsql as $$
declare
    tiers constant record := callfeed.upper_shares(edge, lease, upper, '[]');
    bundles jsonb := '[]';
    slug text;
begin
    if tiers.missing <> '[]' or bundle is not null then
        perform callfeed.lock_accounts(callfeed.accounts_in(tiers.missing) || hold_account);
    end if;
    slug := coalesce(
        callfeed.barred(hold_account),
        case when tiers.missing <> '[]' and not callfeed.upper_can_pay(tiers.missing) then 'partner-credit-exhausted' end
    );
    if slug is null and bundle is not null then
        bundles := callfeed.take_seconds(bundle -> 'allowances', '[]', (bundle ->> 'seconds')::bigint);
        slug := case when bundles = '[]' and (bundle ->> 'blocks')::boolean then 'bundle-used-up' end;
        hold_micro := case when bundles = '[]' then hold_micro else (bundle ->> 'fee_micro')::bigint end;
    end if;
    if slug is null then
        slug := callfeed.take_hold(call_id, chain_no, hold_account, hold_micro, tiers.shares, bundles);
        if slug is not null then
            perform callfeed.give_seconds(bundles);
        end if;
    end if;
    if slug is null and tiers.missing <> '[]' then
        perform callfeed.grant_exactly(edge, tiers.missing);
    end if;
    return slug;
end
$$;

create function callfeed.open_call(
    call_id uuid, started_at timestamptz, edge text, decision jsonb, hold_account bigint, hold_micro bigint,
    funded_until timestamptz, upper jsonb, lease uuid default null, chain_no integer default 0, bundle jsonb default null
) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    slug text;
begin
    if hold_micro < 0 then
        raise exception 'A hold can''t be negative: % micro-units.', hold_micro;
    end if;
    if not callfeed.add_call(call_id, started_at, edge, decision, funded_until) then
        return coalesce((
            select e.detail ->> 'refusal' from public.calls_callevent e
            where e.call_id = open_call.call_id and e.kind = 'failed' and e.source = 'control'
        ), 'ok');
    end if;
    if hold_account is not null and decision ->> 'direction' <> 'emergency' then
        slug := callfeed.hold_chain(call_id, edge, chain_no, hold_account, hold_micro, upper, lease, bundle);
    end if;
    if slug is not null then
        perform callfeed.mark_refused(call_id, jsonb_build_object('refusal', slug));
        return slug;
    end if;
    if decision ->> 'direction' = 'emergency' and started_at < clock_timestamp() - interval '0.3 seconds' then
        perform callfeed.catch_up(call_id);
    end if;
    return 'ok';
end
$$;

-- Several calls, each as in open_call, with one wait for the disk; their slugs in the same order. Their shares of the tiers
-- above come from this lease's windows, so that only customers' accounts are locked: ascending, if they come so. Nobody waits
-- here for somebody else's account: lock_not_available says that each call must come alone.
create function callfeed.open_together(
    edge text, lease uuid, call_ids uuid[], started_at timestamptz[], decisions jsonb[], hold_accounts bigint[],
    hold_micros bigint[], funded_until timestamptz[], uppers jsonb[], chain_nos integer[]
) returns text[]
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '50ms' as $$
declare
    slugs text[] := '{}';
begin
    if not callfeed.has_lease(edge, lease) then
        raise exception 'The lease % of % is over.', lease, edge using errcode = 'lock_not_available';
    end if;
    for i in 1 .. cardinality(call_ids) loop
        slugs[i] := callfeed.open_call(
            call_ids[i], started_at[i], edge, decisions[i], hold_accounts[i], hold_micros[i], funded_until[i], uppers[i], lease,
            chain_nos[i]
        );
    end loop;
    return slugs;
end
$$;

-- Money for one more chain of a call: of one that was just opened, or of one that rings and goes on to where its called user
-- forwards it; then the decision has further targets. "ok", the slug of what stands in the way,
-- or "call-over"; then nothing has changed. Repeatable.
create function callfeed.forward_call(
    call_id uuid, decision jsonb, hold_account bigint, hold_micro bigint, funded_until timestamptz, upper jsonb,
    lease uuid default null, chain_no integer default 0, bundle jsonb default null
) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    edge text;
    slug text;
begin
    select c.edge into edge from public.calls_call c
    where c.id = forward_call.call_id and c.state in ('trying', 'ringing') for update;
    if not found then
        return 'call-over';
    end if;
    if hold_account is not null and not exists (
        select from public.billing_hold h where h.call_id = forward_call.call_id and h.chain_no = forward_call.chain_no
    ) then
        slug := callfeed.hold_chain(call_id, edge, chain_no, hold_account, hold_micro, upper, lease, bundle);
    end if;
    if slug is null then
        update public.calls_call c
        set decision = forward_call.decision,
            due_at = case when exists (  -- each forwarding may ring for minutes
                select from public.calls_callevent e where e.call_id = c.id and e.kind = 'applied'
            ) then now() + interval '10 minutes' else c.due_at end,
            funded_until = coalesce(forward_call.funded_until, c.funded_until)
        where c.id = forward_call.call_id;
    end if;
    return coalesce(slug, 'ok');
end
$$;

-- Past this moment an answered call can only be a call whose end we missed: the edge's own timer has ended it.
create function callfeed.overdue_at(started_at timestamptz, funded_until timestamptz, decision jsonb) returns timestamptz
language plpgsql immutable as $$
begin
    return least(
        funded_until, started_at + make_interval(secs => coalesce((decision ->> 'max_s')::int, 14400) + 300)
    ) + interval '30 seconds';
end
$$;

-- An emergency call that was put through while control or this database was away has its events before its row.
create function callfeed.catch_up(call_id uuid) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
    update public.calls_call c
    set answered_at = e.answered_at,
        ended_at = coalesce(e.ended_at, case when e.answered_at is null then e.failed_at end),
        state = case when e.ended_at is not null or e.answered_at is null and e.failed_at is not null then 'ended'
                     when e.answered_at is not null then 'answered' else c.state end,
        due_at = case when e.ended_at is not null or e.answered_at is null and e.failed_at is not null then now()
                      when e.answered_at is not null then callfeed.overdue_at(c.started_at, c.funded_until, c.decision)
                      else c.due_at end
    from (
        select max(to_timestamp(at_ms / 1000.0)) filter (where kind = 'answered') as answered_at,
               max(to_timestamp(at_ms / 1000.0)) filter (where kind = 'ended') as ended_at,
               max(to_timestamp(at_ms / 1000.0)) filter (where kind = 'failed') as failed_at
        from public.calls_callevent e where e.call_id = $1
    ) e
    where c.id = $1 and c.state = 'trying'
$$;

-- Runs through a call and undoes it: PostgreSQL plans each statement of a function when a connection first comes to it,
-- which takes longer than the call and would be done while the account is locked. False when it could not: there is no
-- operator yet to whom a call could belong.
create function callfeed.rehearse() returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    call_id constant uuid := gen_random_uuid();
    account bigint;
begin
    select a.id into account from public.billing_account a  -- one that no call is waiting for
    where callfeed.barred(a.id) is null limit 1 for no key update skip locked;
    perform callfeed.open_call(
        call_id, now(), '', '{"direction": "pstn", "request": {"sip_call_id": ""}}', coalesce(account, 0), 0, now(), '[]'
    );
    perform callfeed.extend_hold(call_id, 0, now(), '[]');
    perform callfeed.release_hold(call_id);
    raise exception 'That was all.';
exception
    when raise_exception then
        return true;
    when not_null_violation then
        return false;
end
$$;

-- Raises a chain's hold to `total_micro` and returns it; when the customer's money is short, the largest total it can bear; -1 when
-- a tier above can't pay or the hold is no longer open. `upper` as in upper_shares.
create function callfeed.extend_hold(
    call_id uuid, total_micro bigint, funded_until timestamptz, upper jsonb, lease uuid default null,
    chain_no integer default 0
) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    held record;
    tiers record;
    wanted bigint;
begin
    select h.id, h.account_id, h.amount_micro, h.upper, c.edge into held
    from public.calls_call c join public.billing_hold h on h.call_id = c.id
    where c.id = extend_hold.call_id and h.state = 'open' and h.chain_no = extend_hold.chain_no
    for no key update of c, h;
    if not found then
        return -1;
    end if;
    wanted := greatest(total_micro - held.amount_micro, 0);
    tiers := callfeed.upper_shares(held.edge, lease, extend_hold.upper, held.upper);
    if tiers.missing <> '[]' then
        perform callfeed.lock_accounts(callfeed.accounts_in(tiers.missing) || held.account_id);
        if not callfeed.upper_can_pay(tiers.missing) then
            return -1;
        end if;
    end if;
    if wanted > 0 then
        if wanted > callfeed.daily_spare(held.account_id) then
            return held.amount_micro + callfeed.daily_spare(held.account_id);
        end if;
        update public.billing_account a set reserved_micro = a.reserved_micro + wanted
        where a.id = held.account_id
          and a.balance_micro - a.reserved_micro - a.unposted_micro + a.credit_limit_micro >= wanted;
        if not found then
            return held.amount_micro + greatest(callfeed.available(held.account_id), 0);
        end if;
    end if;
    if tiers.missing <> '[]' then
        perform callfeed.grant_exactly(held.edge, tiers.missing);
    end if;
    update public.billing_hold h set amount_micro = h.amount_micro + wanted, upper = tiers.shares
    where h.id = held.id and (wanted > 0 or h.upper <> tiers.shares);
    update public.calls_call c
    set funded_until = extend_hold.funded_until,
        alive_at = now(),
        due_at = case when c.state = 'answered'
                      then callfeed.overdue_at(c.started_at, extend_hold.funded_until, c.decision) else c.due_at end
    where c.id = extend_hold.call_id and c.state in ('trying', 'ringing', 'answered');
    return held.amount_micro + wanted;
end
$$;

-- Gives the holds of a call back that was never answered. Their shares stay in the windows and are returned, for control's
-- memory: [[account id, micro-units], ...].
create function callfeed.release_hold(call_id uuid) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    held record;
    shares jsonb := '[]';
begin
    -- an answered call keeps its holds until it is rated, whatever control believed when it asked
    for held in
        select h.id, h.account_id, h.amount_micro, h.upper, h.bundles, h.has_channel from public.billing_hold h
        where h.call_id = release_hold.call_id and h.state = 'open' and not exists (
            select from public.calls_callevent e where e.call_id = h.call_id and e.kind = 'answered'
        )
        order by h.account_id for update
    loop
        update public.billing_hold h set state = 'released' where h.id = held.id;
        update public.billing_account a
        set reserved_micro = a.reserved_micro - held.amount_micro, open_calls = a.open_calls - held.has_channel::integer
        where a.id = held.account_id;
        perform callfeed.give_seconds(held.bundles);
        shares := shares || held.upper;
    end loop;
    return shares;
end
$$;

-- A call whose opening got no answer: it has no hold afterwards, and finds itself refused when it is opened late.
create function callfeed.abandon_call(call_id uuid, started_at timestamptz, edge text, decision jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if not callfeed.add_call(call_id, started_at, edge, decision) then
        perform from public.calls_call c where c.id = abandon_call.call_id for no key update;
        perform callfeed.release_hold(call_id);
    end if;
    perform callfeed.mark_refused(
        call_id, '{"refusal": "no-decision", "sip_code": 503, "reason": "Service unavailable"}'
    );
end
$$;

create function callfeed.open_calls(edge text) returns table (
    call_id uuid, started_at timestamptz, answered_at timestamptz, answered_target integer, decision jsonb,
    funded_until timestamptz, holds jsonb
)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select c.id, c.started_at, c.answered_at, (
               select (e.detail ->> 'target')::integer from public.calls_callevent e
               where e.call_id = c.id and e.kind = 'answered'
           ), c.decision, c.funded_until, (
               select coalesce(jsonb_agg(jsonb_build_array(h.chain_no, h.amount_micro, h.upper, h.bundles) order by h.chain_no), '[]')
               from public.billing_hold h where h.call_id = c.id and h.state = 'open'
           )
    from public.calls_call c
    where c.edge = $1 and c.state in ('trying', 'ringing', 'answered')
    order by c.started_at
$$;
