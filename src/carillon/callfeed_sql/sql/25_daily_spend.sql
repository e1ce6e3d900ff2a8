-- The most that a customer may spend on calls in a day, by its own clock (what yesterday's limit stopped goes on after its
-- midnight), and in the trial of a plan. Spent are the charges of calls that ended since and the holds of those that go on.

create function callfeed.spent_since(account_id bigint, since timestamptz) returns bigint
language plpgsql stable as $$
begin
    return (
        select coalesce((
            -- by the index on starts: no call is longer than four hours
            select sum(r.amount_micro) from public.calls_cdr r
            where r.partner_id = c.partner_id and r.customer_id = c.id and r.tier = 0 and not r.is_carrier_cost
              and r.started_at >= since - interval '5 hours' and r.ended_at >= since
        ), 0)::bigint + a.reserved_micro  -- a customer's account has no windows: those are its open holds
        from public.billing_account a
        join public.customers_customer c on c.id = a.customer_id
        where a.id = spent_since.account_id
    );
end
$$;

create function callfeed.spent_today(account_id bigint) returns bigint
language plpgsql stable as $$
begin
    return (
        select callfeed.spent_since(a.id, date_trunc('day', now() at time zone c.timezone) at time zone c.timezone)
        from public.billing_account a
        join public.customers_customer c on c.id = a.customer_id
        where a.id = spent_today.account_id
    );
end
$$;

-- What the holder of an account may still spend today, and in its trial; null without a limit.
create function callfeed.spare(account_id bigint) returns bigint
language plpgsql stable as $$
declare
    daily bigint;
    in_trial bigint;
    tried_since timestamptz;
begin
    select c.max_daily_spend_micro, p.trial_max_spend_micro, s.created_at into daily, in_trial, tried_since
    from public.billing_account a
    join public.customers_customer c on c.id = a.customer_id
    left join public.catalogue_subscription s
        on s.customer_id = c.id and s.user_id is null and s.kind = 'plan' and s.state = 'trial'
    left join public.catalogue_product p on p.id = s.product_id
    where a.id = spare.account_id;
    if daily is not null then
        daily := daily - callfeed.spent_today(spare.account_id);
    end if;
    if in_trial is not null then
        in_trial := in_trial - callfeed.spent_since(spare.account_id, tried_since);
    end if;
    return case when daily is not null or in_trial is not null then greatest(least(daily, in_trial), 0) end;
end
$$;

-- The same for who holds. It holds the account's row until the transaction ends, when there is a limit: simultaneous calls
-- are counted one after the other.
create function callfeed.daily_spare(account_id bigint) returns bigint
language plpgsql volatile as $$
begin
    perform from public.billing_account a
    join public.customers_customer c on c.id = a.customer_id
    where a.id = daily_spare.account_id and (c.max_daily_spend_micro is not null or exists (
        select from public.catalogue_subscription s
        where s.customer_id = c.id and s.user_id is null and s.kind = 'plan' and s.state = 'trial'
    ))
    for no key update of a;
    return case when found then callfeed.spare(daily_spare.account_id) end;
end
$$;

-- What may be spent of accounts now, the day's limit included; nothing is locked: for who tells, not for who holds.
create function callfeed.spendable(account_ids bigint[]) returns table (account_id bigint, micro bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select a.id, least(callfeed.available(a.id), callfeed.spare(a.id))
    from public.billing_account a
    where a.id = any ($1)
$$;
