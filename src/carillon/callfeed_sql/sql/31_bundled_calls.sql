-- Calls whose seconds bundles may pay for: as others, with what became of the bundles (27_bundles.sql).

-- What a hold that may be of bundles has become: {"slug": as in open_call, "micro", "bundles": [[allowance id, seconds], ...]}.
-- Volatile: it sees what the statement that calls it has written.
create function callfeed.held_of(slug text, call_id uuid, chain_no integer) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    return jsonb_build_object('slug', slug, 'micro', 0, 'bundles', '[]'::jsonb) || coalesce((
        select jsonb_build_object('micro', h.amount_micro, 'bundles', h.bundles) from public.billing_hold h
        where h.call_id = held_of.call_id and h.chain_no = held_of.chain_no
    ), '{}');
end
$$;

create function callfeed.open_bundled(
    call_id uuid, started_at timestamptz, edge text, decision jsonb, hold_account bigint, hold_micro bigint,
    funded_until timestamptz, upper jsonb, lease uuid, chain_no integer, bundle jsonb
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    return callfeed.held_of(callfeed.open_call(
        call_id, started_at, edge, decision, hold_account, hold_micro, funded_until, upper, lease, chain_no, bundle
    ), call_id, chain_no);
end
$$;

create function callfeed.forward_bundled(
    call_id uuid, decision jsonb, hold_account bigint, hold_micro bigint, funded_until timestamptz, upper jsonb,
    lease uuid, chain_no integer, bundle jsonb
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    return callfeed.held_of(callfeed.forward_call(
        call_id, decision, hold_account, hold_micro, funded_until, upper, lease, chain_no, bundle
    ), call_id, chain_no);
end
$$;

-- Takes more seconds of bundles for a chain until it has `seconds` in all; how many it has afterwards. When there are no more
-- nothing changes. -1 when a tier above can't pay or the hold is no longer open. `upper` as in upper_shares.
create function callfeed.extend_bundle(
    call_id uuid, seconds bigint, funded_until timestamptz, upper jsonb, lease uuid, chain_no integer, allowances jsonb
) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    held record;
    tiers record;
    taken jsonb;
begin
    select h.id, h.account_id, h.bundles, h.upper, c.edge into held
    from public.calls_call c join public.billing_hold h on h.call_id = c.id
    where c.id = extend_bundle.call_id and h.state = 'open' and h.chain_no = extend_bundle.chain_no
    for no key update of c, h;
    if not found then
        return -1;
    end if;
    tiers := callfeed.upper_shares(held.edge, lease, extend_bundle.upper, held.upper);
    perform callfeed.lock_accounts(callfeed.accounts_in(tiers.missing) || held.account_id);
    if tiers.missing <> '[]' and not callfeed.upper_can_pay(tiers.missing) then
        return -1;
    end if;
    taken := callfeed.take_seconds(allowances, held.bundles, extend_bundle.seconds);
    if callfeed.seconds_in(taken) = callfeed.seconds_in(held.bundles) then
        return callfeed.seconds_in(taken);
    end if;
    if tiers.missing <> '[]' then
        perform callfeed.grant_exactly(held.edge, tiers.missing);
    end if;
    update public.billing_hold h set bundles = taken, upper = tiers.shares where h.id = held.id;
    update public.calls_call c
    set funded_until = least(
            extend_bundle.funded_until, c.answered_at + make_interval(secs => callfeed.seconds_in(taken)::double precision)
        ),
        alive_at = now(),
        due_at = case when c.state = 'answered'
                      then callfeed.overdue_at(c.started_at, extend_bundle.funded_until, c.decision) else c.due_at end
    where c.id = extend_bundle.call_id and c.state in ('trying', 'ringing', 'answered');
    return callfeed.seconds_in(taken);
end
$$;
