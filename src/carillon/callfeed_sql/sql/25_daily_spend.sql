-- The most that a customer may spend on calls in a day, by its own clock: what yesterday's limit stopped goes on after
-- its midnight. Spent are the charges of calls that ended today and the holds of those that go on.

create function callfeed.spent_today(account_id bigint) returns bigint
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return (
        select coalesce((
            -- by the index on starts: no call is longer than four hours
            select sum(r.amount_micro) from public.calls_cdr r
            where r.partner_id = c.partner_id and r.customer_id = c.id and r.tier = 0 and not r.is_carrier_cost
              and r.started_at >= d.midnight - interval '5 hours' and r.ended_at >= d.midnight
        ), 0)::bigint + coalesce((
            select sum(h.amount_micro) from public.billing_hold h
            where h.account_id = a.id and h.state = 'open'
        ), 0)::bigint
        from public.billing_account a
        join public.customers_customer c on c.id = a.customer_id
        cross join lateral (
            select date_trunc('day', now() at time zone c.timezone) at time zone c.timezone as midnight
        ) d
        where a.id = spent_today.account_id
    );
end
$$;

-- What the holder of an account may still spend today; null without a limit. Whoever asks about a limited account holds
-- its row until the transaction ends: simultaneous calls are counted one after the other.
create function callfeed.daily_spare(account_id bigint) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    most bigint;
begin
    select c.max_daily_spend_micro into most
    from public.billing_account a
    join public.customers_customer c on c.id = a.customer_id
    where a.id = daily_spare.account_id;
    if most is null then
        return null;
    end if;
    perform from public.billing_account a where a.id = daily_spare.account_id for no key update;
    return greatest(most - callfeed.spent_today(daily_spare.account_id), 0);
end
$$;

-- What may be spent of accounts now, the day's limit included; nothing is locked: for who tells, not for who holds.
create function callfeed.spendable(account_ids bigint[]) returns table (account_id bigint, micro bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select a.id, least(callfeed.available(a.id), case when c.max_daily_spend_micro is not null
                       then greatest(c.max_daily_spend_micro - callfeed.spent_today(a.id), 0) end)
    from public.billing_account a
    left join public.customers_customer c on c.id = a.customer_id
    where a.id = any ($1)
$$;
