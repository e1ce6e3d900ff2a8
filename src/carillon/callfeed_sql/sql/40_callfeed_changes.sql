-- Tells control what changed: one notification per statement and kind, folded by PostgreSQL into one per transaction, and
-- a counter per kind for a control that was away. Money that calls move tells nobody; money that comes in tells whose it is,
-- on a channel of its own: calls at their last grant go on with it.

do $do$
declare
    kind text;
begin
    -- the schema is dropped and made again, so counters start at the clock: an old value can never come back
    foreach kind in array array['domain', 'endpoint', 'customer', 'user', 'number', 'partner', 'gateway', 'route', 'rate',
                              'blacklist', 'group', 'exchange', 'markup'] loop
        execute format('create sequence callfeed.%I start %s', 'generation_' || kind,
                       (extract(epoch from clock_timestamp()) * 1000)::bigint);
        execute format('select nextval(%L)', format('callfeed.%I', 'generation_' || kind));
    end loop;
end
$do$;

create function callfeed.tell() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    i integer;
begin
    for i in 0 .. tg_nargs - 1 loop
        perform nextval(format('callfeed.%I', 'generation_' || tg_argv[i])::regclass);
        perform pg_notify('callfeed', tg_argv[i]);
    end loop;
    return null;
end
$$;

create trigger callfeed_tell after insert or update or delete on public.brands_webproduct
    for each statement execute function callfeed.tell('domain', 'endpoint', 'user', 'customer');
create trigger callfeed_tell after insert or update or delete on public.endpoints_endpoint
    for each statement execute function callfeed.tell('endpoint', 'user');
create trigger callfeed_tell after insert or update or delete on public.customers_customer
    for each statement execute function callfeed.tell('customer');
create trigger callfeed_tell after insert or update or delete on public.customers_user
    for each statement execute function callfeed.tell('user');
create trigger callfeed_tell after insert or update or delete on public.numbers_number
    for each statement execute function callfeed.tell('number', 'customer', 'user', 'endpoint');
create trigger callfeed_tell after insert or update or delete on public.partners_partner
    for each statement execute function callfeed.tell('partner', 'customer');
create trigger callfeed_tell after insert or update or delete on public.pricing_priceassignment
    for each statement execute function callfeed.tell('customer');
-- What a customer may while it tries a plan, and which price lists it has by one. Renewals tell nobody.
create trigger callfeed_tell_new after insert on public.catalogue_subscription
    for each statement execute function callfeed.tell('customer');
create trigger callfeed_tell after update on public.catalogue_subscription
    for each row when (old.state <> new.state) execute function callfeed.tell('customer');
create trigger callfeed_tell after update on public.catalogue_product
    for each statement execute function callfeed.tell('customer');
create trigger callfeed_tell after insert or update or delete on public.billing_taxrule
    for each statement execute function callfeed.tell('customer');
create trigger callfeed_tell after insert or delete on public.billing_account
    for each statement execute function callfeed.tell('customer');
create trigger callfeed_tell after insert or update or delete on public.routing_gateway
    for each statement execute function callfeed.tell('gateway');
create trigger callfeed_tell after insert or update or delete on public.routing_route
    for each statement execute function callfeed.tell('route');
create trigger callfeed_tell after insert or update or delete on public.routing_routegateway
    for each statement execute function callfeed.tell('route');
create trigger callfeed_tell after insert or update or delete on public.partners_blacklistentry
    for each statement execute function callfeed.tell('blacklist');
create trigger callfeed_tell after insert or update or delete on public.pricing_destinationgroup
    for each statement execute function callfeed.tell('group');
create trigger callfeed_tell after insert or update or delete on public.pricing_destinationprefix
    for each statement execute function callfeed.tell('group', 'markup');
create trigger callfeed_tell after insert or update or delete on public.pricing_exchangerate
    for each statement execute function callfeed.tell('exchange');
create trigger callfeed_tell after insert or update or delete on public.pricing_markuprule
    for each statement execute function callfeed.tell('markup');
-- What calls take of allowances tells nobody; new ones do, and those that end before their time.
create trigger callfeed_tell after insert or delete on public.catalogue_allowance
    for each statement execute function callfeed.tell('customer');
create trigger callfeed_tell_end after update of ends_at on public.catalogue_allowance
    for each statement execute function callfeed.tell('customer');
-- Rates of drafts are nobody's business yet and those of approved versions never change: approving is the change.
create trigger callfeed_tell after update or delete on public.pricing_pricelist
    for each statement execute function callfeed.tell('rate');
create trigger callfeed_tell after insert or update or delete on public.pricing_pricelistversion
    for each statement execute function callfeed.tell('rate');

create function callfeed.tell_payment() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform pg_notify('callfeed_money', a.id::text) from public.billing_account a
    where a.partner_id = new.partner_id and a.currency = new.currency
      and (a.kind = 'customer' and a.customer_id = new.customer_id
           or a.kind = 'partner' and a.buyer_partner_id = new.buyer_partner_id);
    return null;
end
$$;

create function callfeed.tell_limit() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform pg_notify('callfeed_money', new.id::text);
    return null;
end
$$;

create trigger callfeed_tell_payment after insert on public.billing_transfer
    for each row when (new.kind <> 'calls' and new.amount_micro > 0) execute function callfeed.tell_payment();
create trigger callfeed_tell_limit after update of credit_limit_micro on public.billing_account
    for each row when (new.credit_limit_micro > old.credit_limit_micro) execute function callfeed.tell_limit();
