-- The read contract between the business and the call path (docs/architecture/contracts.md). `doc` is the JSON form of
-- the type of carillon.logic.callflow.values that carillon.callfeed.documents names for the view. The views read past
-- row-level security because their owner does; control sees nothing else of the database.

create schema callfeed;

create view callfeed.domain_doc as
select lower(w.sip_domain) as key,
       json_build_object(
           'name', lower(w.sip_domain), 'partner_id', w.partner_id, 'web_product_id', w.id, 'country', w.country
       ) as doc
from public.brands_webproduct w
where w.status <> 'closed';

create view callfeed.endpoint_doc as
select e.username || '@' || lower(w.sip_domain) as key,
       json_build_object(
           'id', e.id, 'username', e.username, 'domain', lower(w.sip_domain), 'customer_id', e.customer_id,
           'user_id', e.user_id, 'is_enabled', e.is_enabled, 'caller_id', coalesce(n.e164, ''),
           'withholds_caller', e.withholds_caller
       ) as doc,
       e.username, w.sip_domain as domain
from public.endpoints_endpoint e
join public.brands_webproduct w on w.id = e.web_product_id and w.status <> 'closed'
-- a number that was taken away from the customer is no caller ID any more, whoever forgot to clear it
left join public.numbers_number n
    on n.id = e.caller_id_id and n.customer_id = e.customer_id and n.state in ('in_service', 'porting_out');

-- The price lists that a customer's plan and add-ons bring. They stand before the lists that everybody of its web product (or
-- of the partner) has, at the same level, so that those price what they have no price for; lists of the customer's own
-- stand in for all of them. The add-on of the highest precedence first, the plan last.
create function callfeed.plan_lists(customer_id bigint)
returns table (id bigint, price_list_id bigint, weight integer, generality integer)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return query
        select s.id, p.price_list_id, 1000 + case when s.kind = 'add_on' then 1 + p.precedence else 0 end,
               case when exists (
                   select from public.pricing_priceassignment a
                   where a.partner_id = c.partner_id and a.web_product_id = c.web_product_id and a.traffic = 'calls'
                     and (a.active_from is null or a.active_from <= now()) and (a.active_until is null or a.active_until > now())
               ) then 1 else 2 end
        from public.customers_customer c
        join public.catalogue_subscription s on s.customer_id = c.id and s.user_id is null and s.state <> 'ended'
        join public.catalogue_product p on p.id = s.product_id and p.price_list_id is not null
        where c.id = plan_lists.customer_id;
end
$$;

-- The sales that one call of a customer makes: its partner to the customer, that partner's parent to it, and so on up.
-- In plpgsql, as everything that a call waits for: it keeps plans, where a function in plain SQL is planned at each call.
create function callfeed.tiers(customer_id bigint) returns json
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return (
        with recursive sale as (
            select 0 as position, p.id as seller_id, p.name as seller, p.parent_id, null::bigint as buyer_id,
                   c.name as buyer, c.status as buyer_status, c.currency as buyer_currency, c.web_product_id
            from public.customers_customer c
            join public.partners_partner p on p.id = c.partner_id
            where c.id = tiers.customer_id
            union all
            select s.position + 1, p.id, p.name, p.parent_id, b.id, b.name, b.status, b.currency, null::bigint
            from sale s
            join public.partners_partner p on p.id = s.parent_id
            join public.partners_partner b on b.id = s.seller_id
        )
        select coalesce(json_agg(json_build_object(
            'position', s.position, 'seller_partner_id', s.seller_id, 'seller', s.seller,
            'buyer_partner_id', s.buyer_id, 'buyer', s.buyer, 'buyer_status', s.buyer_status,
            -- without an account there is no money: 0 is nobody's, so open_call refuses and emergency calls still pass
            'account_id', coalesce(a.id, 0), 'account_currency', coalesce(a.currency, s.buyer_currency),
            -- the first three are for a control that knows one list per buyer
            'price_list_id', l.calls, 'received_list_id', l.received, 'toll_free_list_id', l.toll_free,
            'lists', coalesce(l.lists, '[]'), 'tax_rules', coalesce(x.rules, '[]')
        ) order by s.position), '[]')
        from sale s
        left join lateral (
            select a.id, a.currency
            from public.billing_account a
            where a.partner_id = s.seller_id  -- each side of the "or" has an index; a partner has too many accounts to look at
              and (s.position = 0 and a.kind = 'customer' and a.customer_id = tiers.customer_id
                   or a.kind = 'partner' and a.buyer_partner_id = s.buyer_id)
            order by (a.currency = s.buyer_currency) desc, a.id
            limit 1
        ) a on true
        left join lateral (
            select (array_agg(u.price_list_id order by u.generality, u.weight desc) filter (where u.traffic = 'calls'))[1] as calls,
                   (array_agg(u.price_list_id order by u.generality, u.weight desc) filter (where u.traffic = 'received'))[1] as received,
                   (array_agg(u.price_list_id order by u.generality, u.weight desc) filter (where u.traffic = 'toll_free'))[1] as toll_free,
                   json_agg(json_build_object(
                       'price_list_id', u.price_list_id, 'traffic', u.traffic, 'weight', u.weight, 'generality', u.generality,
                       'from_ms', (extract(epoch from u.active_from) * 1000)::bigint,
                       'until_ms', (extract(epoch from u.active_until) * 1000)::bigint, 'allows_loss', u.allows_loss
                   ) order by u.id desc) as lists
            from (select p.id, p.partner_id, p.price_list_id, p.traffic, p.weight, p.active_from, p.active_until, p.allows_loss,
                         p.web_product_id, p.customer_id, p.buyer_partner_id,
                         case when p.web_product_id is not null then 1
                              when p.customer_id is null and p.buyer_partner_id is null then 2 else 0 end as generality
                  from public.pricing_priceassignment p
                  union all
                  select u.id, s.seller_id, u.price_list_id, 'calls', u.weight, null, null, false, null, tiers.customer_id, null,
                         u.generality
                  from callfeed.plan_lists(tiers.customer_id) u
                  where s.position = 0) u
            where u.partner_id = s.seller_id and (u.active_until is null or u.active_until > now() - interval '1 hour')
              and case when s.position = 0
                       then u.buyer_partner_id is null
                            and (u.customer_id = tiers.customer_id or u.customer_id is null)
                            and (u.web_product_id = s.web_product_id or u.web_product_id is null)
                       else u.buyer_partner_id = s.buyer_id end
        ) l on true
        left join lateral (
            select json_agg(json_build_object(
                       'name', t.name, 'percent', t.percent::text,
                       'from_ms', (extract(epoch from t.effective_from) * 1000)::bigint,
                       'exactness', (t.country <> '')::int * 2 + (t.customer_kind <> '')::int
                   ) order by t.position, t.id) as rules
            from public.billing_taxrule t
            join public.customers_customer c on c.id = tiers.customer_id
            where s.position = 0 and t.partner_id = s.seller_id and t.country in ('', c.country)
              and t.customer_kind in ('', c.kind)
        ) x on true
    );
end
$$;

create view callfeed.customer_doc as
select c.id::text as key,
       json_build_object(
           'id', c.id, 'partner_id', c.partner_id, 'web_product_id', c.web_product_id, 'name', c.name,
           'status', c.status, 'country', c.country, 'charging', c.charging,
           'account_id', coalesce((t.tiers -> 0 ->> 'account_id')::bigint, 0), 'currency', c.currency,
           'tiers', t.tiers, 'caller_ids', n.caller_ids, 'default_caller_id', n.default_caller_id,
           -- who tries a plan is held to its limits, whatever else it may
           'max_channels', least(c.max_channels, p.trial_max_channels),
           'allowed_classes', to_json(coalesce(p.trial_allowed_classes, c.allowed_classes || w.allowed_classes)),
           'max_call_s', least(c.max_call_minutes * 60, p.trial_max_call_s), 'emergency_number', c.emergency_number,
           'calls_per_s', c.calls_per_s, 'call_burst', c.call_burst, 'allowances', a.allowances
       ) as doc,
       c.id
from public.customers_customer c
join public.brands_webproduct w on w.id = c.web_product_id
cross join lateral (select callfeed.tiers(c.id) as tiers offset 0) t  -- offset: computed once, though it is used twice
cross join lateral (
    select coalesce(json_agg(n.e164 order by n.e164), '[]') as caller_ids,
           coalesce(min(n.e164) filter (where n.is_default_caller_id and n.user_id is null),
                    min(n.e164) filter (where n.is_default_caller_id), min(n.e164), '') as default_caller_id
    from public.numbers_number n
    where n.customer_id = c.id and n.state in ('in_service', 'porting_out')
) n
left join public.catalogue_subscription s
    on s.customer_id = c.id and s.user_id is null and s.kind = 'plan' and s.state = 'trial'  -- one at a time
left join public.catalogue_product p on p.id = s.product_id
cross join lateral (
    select coalesce(json_agg(json_build_object(
               'id', a.id, 'name', a.name, 'group_id', a.group_id, 'user_id', a.user_id,
               'starts_ms', (extract(epoch from a.starts_at) * 1000)::bigint,
               'ends_ms', (extract(epoch from a.ends_at) * 1000)::bigint,
               'initial_s', a.initial_s, 'increment_s', a.increment_s, 'covers_fee', a.covers_fee, 'blocks', a.blocks
           ) order by a.ends_at, a.id), '[]') as allowances
    from public.catalogue_allowance a
    where a.customer_id = c.id and a.ends_at > now() and a.unit = 'second'
) a;

create view callfeed.user_doc as
select u.id::text as key,
       json_build_object(
           'id', u.id, 'customer_id', u.customer_id, 'name', u.name, 'extension', u.extension,
           'caller_id', coalesce(n.e164, ''), 'endpoints', e.endpoints, 'trunks', e.trunks,
           'forward_always', case when u.forwards_always then u.forward_always_to else '' end,
           'forward_busy', case when u.forwards_busy then u.forward_busy_to else '' end,
           'forward_no_answer', case when u.forwards_no_answer then u.forward_no_answer_to else '' end,
           'no_answer_s', u.no_answer_s,
           'forward_unreachable', case when u.forwards_unreachable then u.forward_unreachable_to else '' end,
           'emergency_number', u.emergency_number
       ) as doc,
       u.id, u.customer_id, u.extension
from public.customers_user u
left join lateral (
    select n.e164
    from public.numbers_number n
    where n.user_id = u.id and n.customer_id = u.customer_id and n.state in ('in_service', 'porting_out')
    order by n.is_default_caller_id desc, n.e164
    limit 1
) n on true
cross join lateral (
    select coalesce(json_agg(a.endpoint order by e.id), '[]') as endpoints,
           coalesce(json_agg(json_build_object(
               'endpoint', a.endpoint, 'address', e.fixed_address, 'transport', e.transport
           ) order by e.id) filter (where e.fixed_address <> ''), '[]') as trunks
    from public.endpoints_endpoint e
    join public.brands_webproduct w on w.id = e.web_product_id and w.status <> 'closed'
    cross join lateral (select e.username || '@' || lower(w.sip_domain) as endpoint) a
    where e.user_id = u.id and e.is_enabled
) e
where u.is_enabled;

create view callfeed.extension_doc as
select u.customer_id::text || '/' || u.extension as key, u.doc, u.customer_id, u.extension
from callfeed.user_doc u
where u.extension <> '';

create view callfeed.number_doc as
select n.e164::text as key,
       json_build_object(
           'e164', n.e164, 'partner_id', n.partner_id,
           'customer_id', case when n.state in ('in_service', 'porting_out') then n.customer_id end,
           'user_id', case when n.state in ('in_service', 'porting_out') then n.user_id end,
           'is_toll_free', n.kind = 'toll_free'
       ) as doc
from public.numbers_number n;

create view callfeed.partner_doc as
select p.id::text as key,
       json_build_object('id', p.id, 'parent_id', p.parent_id, 'name', p.name, 'status', p.status) as doc
from public.partners_partner p;

create view callfeed.gateway_doc as
select g.id::text as key,
       json_build_object(
           'id', g.id, 'partner_id', g.partner_id, 'name', g.name, 'host', g.host, 'port', g.port,
           'transport', g.transport, 'is_enabled', g.is_enabled, 'price_list_id', g.cost_list_id,
           'received_list_id', g.received_list_id, 'auth_username', g.auth_username, 'auth_password', g.auth_secret, 'auth_realm', g.auth_realm,
           'number_format', g.number_format, 'strip', g.strip, 'prepend', g.prepend,
           'source_addresses', to_json(g.source_addresses), 'ring_timeout_s', g.ring_timeout_s,
           'reply_timeout_ms', g.reply_timeout_ms, 'country', g.country, 'codecs', to_json(g.codecs),
           'max_channels', g.max_channels, 'calls_per_s', g.calls_per_s,
           'is_probed', g.is_probed, 'probe_interval_s', g.probe_interval_s,
           'style', json_build_object(
               'header', g.caller_header, 'from_user', g.from_user, 'from_domain', g.from_domain,
               'sends_name', g.sends_name, 'is_trusted', g.is_trusted, 'number_format', g.caller_format,
               'sends_diversion', g.sends_diversion, 'shows_foreign_caller', g.shows_foreign_caller
           )
       ) as doc
from public.routing_gateway g;

create view callfeed.route_doc as
select r.id::text as key,
       json_build_object(
           'id', r.id, 'partner_id', r.partner_id, 'name', r.name, 'prefix', r.prefix, 'strategy', r.strategy,
           'priority', r.priority, 'gateway_ids', g.gateway_ids, 'customer_id', r.customer_id,
           'web_product_id', r.web_product_id, 'is_stopper', r.is_stopper, 'is_emergency', r.is_emergency,
           'country', r.country, 'allows_loss', r.allows_loss, 'weights', g.weights,
           'hours', case when r.begins <> '' or cardinality(r.weekdays) > 0 then json_build_object(
               'weekdays', to_json(r.weekdays), 'begins', r.begins, 'ends', r.ends, 'timezone', r.timezone
           ) end
       ) as doc
from public.routing_route r
cross join lateral (
    select coalesce(json_agg(g.gateway_id order by g.position, g.id), '[]') as gateway_ids,
           coalesce(json_agg(g.weight order by g.position, g.id), '[]') as weights
    from public.routing_routegateway g
    where g.route_id = r.id
) g
where r.is_enabled;

create view callfeed.blacklist_doc as
select b.id::text as key,
       json_build_object(
           'id', b.id, 'partner_id', b.partner_id, 'kind', b.kind, 'value', b.value, 'reason', b.reason,
           'expires_ms', (extract(epoch from b.expires_at) * 1000)::bigint
       ) as doc
from public.partners_blacklistentry b
where b.kind <> 'mail' and (b.expires_at is null or b.expires_at > now());

-- Of each pair the rates to come, those of the last two days and the one before them: calls keep what held when they began.
create view callfeed.exchange_doc as
select x.id::text as key,
       json_build_object(
           'id', x.id, 'partner_id', x.partner_id, 'source', x.source, 'target', x.target, 'rate', x.rate::text,
           'effective_ms', (extract(epoch from x.effective_from) * 1000)::bigint, 'loss_percent', x.loss_percent::text
       ) as doc
from (
    select r.*, lead(r.effective_from) over (
        partition by r.partner_id, r.source, r.target order by r.effective_from, r.id
    ) as until
    from public.pricing_exchangerate r
) x
where x.until is null or x.until > now() - interval '2 days';

create view callfeed.markup_doc as
select m.id::text || coalesce('/' || p.prefix, '') as key,
       json_build_object(
           'id', m.id, 'partner_id', m.partner_id,
           'rule', json_build_object(
               'prefix', coalesce(p.prefix, m.prefix), 'destination', m.destination, 'percent', m.percent::text, 'fixed', m.fixed::text,
               'minimum_margin', m.minimum_margin::text, 'step', m.step::text, 'initial_s', m.initial_s,
               'increment_s', m.increment_s, 'is_left_out', m.is_left_out, 'floor', m.floor::text, 'cap', m.cap::text
           )
       ) as doc
from public.pricing_markuprule m
left join public.pricing_destinationprefix p on p.group_id = m.group_id
where m.price_list_id is null and (m.group_id is null or p.id is not null);

-- Every version with its rules and windows (`carillon.logic.callflow.feed.Tariff`) as they were when it was approved.
create view callfeed.tariff as
select l.id as price_list_id, v.effective_from, l.name as price_list, v.id as version_id, v.number as version,
       l.currency, (t.terms ->> 'decimals')::smallint as decimals, t.terms ->> 'rounding' as rounding,
       (t.terms ->> 'is_tax_inclusive')::boolean as is_tax_inclusive, v.created_at, v.rate_count, t.terms
from public.pricing_pricelistversion v
join public.pricing_pricelist l on l.id = v.price_list_id
cross join lateral (
    select jsonb_build_object(
        'decimals', l.decimals, 'rounding', l.rounding, 'is_tax_inclusive', l.is_tax_inclusive
    ) || v.terms as terms
) t
where v.state = 'approved';

-- Read by version. "offset 0" keeps the version outermost: before a new version's million rates have statistics, the
-- planner takes them for one row and would look the version up for each. A price's text is made of the columns from
-- connection_fee on, in this order (`carillon.logic.pricetext`).
create view callfeed.rate as
select v.id as version_id, r.prefix, r.name, r.connection_fee, r.per_minute, r.initial_s, r.increment_s,
       r.grace_s, r.minimum, coalesce(r.maximum::text, '') as maximum, r.steps, r.windows
from public.pricing_pricelistversion v
cross join lateral (select * from public.pricing_rate where version_id = v.id offset 0) r
where v.state = 'approved';

create view callfeed.group_doc as
select g.id::text as key,
       json_build_object('id', g.id, 'partner_id', g.partner_id, 'name', g.name, 'prefixes', p.prefixes) as doc
from public.pricing_destinationgroup g
cross join lateral (
    select coalesce(json_agg(p.prefix order by p.prefix), '[]') as prefixes
    from public.pricing_destinationprefix p
    where p.group_id = g.id
) p;

-- What the edge must know of a device that signs in: what its password hashes to (RFC 2617, MD5), "-" when nobody may sign in
-- so, and behind a space, for emergency calls that the edge puts through without control, the country whose emergency numbers
-- its customer dials, "/" and the number that stands for where it is, if there is one: the user's, else the customer's, in
-- either case one of the customer's own (as logic.callflow.callerid decides). Suspended customers' phones stay registered: they
-- may still be rung, call for help and hear why they may not call. A function, because its plan is kept: planning takes several times what reading does, and
-- every registration asks; one text, because a row costs a fifth more. A text that was decoded for us has the collation C,
-- which no index has: without the column's own every account of the domain would be read.
create function callfeed.device(username text, domain text) returns text
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    ha1 text;
    owner bigint;
    country text;
    of_user text;
    of_customer text;
    place text;
begin
    select e.ha1_md5, c.id, c.country, u.emergency_number, c.emergency_number into ha1, owner, country, of_user, of_customer
    from public.endpoints_endpoint e
    join public.brands_webproduct w on w.id = e.web_product_id and w.status <> 'closed'
    join public.customers_customer c on c.id = e.customer_id and c.status <> 'terminated'
    left join public.customers_user u on u.id = e.user_id and u.is_enabled
    where e.is_enabled
      and e.username = device.username collate "default" and lower(w.sip_domain) = device.domain collate "default";
    if of_user <> '' or of_customer <> '' then
        select n.e164 into place
        from public.numbers_number n
        where n.e164 in (of_user, of_customer) and n.customer_id = owner and n.state in ('in_service', 'porting_out')
        order by (n.e164 = of_user) desc nulls last
        limit 1;
    end if;
    return concat_ws(' ', coalesce(ha1, '-'), country || '/' || coalesce(place, ''));
end
$$;

-- Where customers of a SIP domain are, beside its own country: for emergency calls that the edge puts through without control.
-- From one country to the next by the index, however many customers there are.
create view callfeed.abroad as
with recursive place as (
    select w.id, lower(w.sip_domain) as domain, w.country as home,
           (select min(c.country) from public.customers_customer c where c.web_product_id = w.id) as country
    from public.brands_webproduct w
    where w.status <> 'closed'
    union all
    select p.id, p.domain, p.home, (
        select min(c.country) from public.customers_customer c
        where c.web_product_id = p.id and c.country > p.country
    )
    from place p
    where p.country is not null
)
select p.domain, p.country::text from place p where p.country <> p.home;

-- Whose calls come from where without a password: the account by each of its source addresses, as for `device`.
create view callfeed.trunk as
select s.source, e.username || '@' || lower(w.sip_domain) as account
from public.endpoints_endpoint e
join public.brands_webproduct w on w.id = e.web_product_id and w.status <> 'closed'
join public.customers_customer c on c.id = e.customer_id and c.status <> 'terminated'
cross join lateral unnest(e.source_addresses) s (source)
where e.is_enabled and e.source_addresses <> '{}';

-- One document by its key. The views' keys are computed, so filtering by them reads everything; this reads one row.
create function callfeed.document(kind text, key text) returns json
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    found json;
    is_id constant boolean := key ~ '^[0-9]{1,18}$';
begin
    case kind
        when 'domain' then
            select d.doc into found from callfeed.domain_doc d where d.key = lower(document.key);
        when 'endpoint' then
            select d.doc into found from callfeed.endpoint_doc d
            where d.username = substring(document.key from '^(.*)@')
              and d.domain = lower(substring(document.key from '@([^@]*)$'));
        when 'customer' then
            if is_id then select d.doc into found from callfeed.customer_doc d where d.id = document.key::bigint; end if;
        when 'user' then
            if is_id then select d.doc into found from callfeed.user_doc d where d.id = document.key::bigint; end if;
        when 'extension' then
            if document.key ~ '^[0-9]{1,18}/' then
                select d.doc into found from callfeed.extension_doc d
                where d.customer_id = split_part(document.key, '/', 1)::bigint
                  and d.extension = split_part(document.key, '/', 2);
            end if;
        when 'number' then
            select d.doc into found from callfeed.number_doc d where d.key = document.key;
        when 'partner' then
            select d.doc into found from callfeed.partner_doc d where d.key = document.key;
        when 'gateway' then
            select d.doc into found from callfeed.gateway_doc d where d.key = document.key;
        when 'route' then
            select d.doc into found from callfeed.route_doc d where d.key = document.key;
        when 'blacklist' then
            select d.doc into found from callfeed.blacklist_doc d where d.key = document.key;
        when 'group' then
            select d.doc into found from callfeed.group_doc d where d.key = document.key;
        when 'exchange' then
            select d.doc into found from callfeed.exchange_doc d where d.key = document.key;
        when 'markup' then
            select d.doc into found from callfeed.markup_doc d where d.key = document.key;
        else
            raise exception 'callfeed has no documents of kind %', kind;
    end case;
    return found;
end
$$;

-- Documents and those that a call will ask for next: who is behind a device or a number. One question instead of three, for
-- as many calls as ask at the moment.
create function callfeed.documents(kinds text[], keys text[]) returns table (of_kind text, of_key text, doc json)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    found json;
begin
    for i in 1 .. cardinality(kinds) loop
        found := callfeed.document(kinds[i], keys[i]);
        return query values (kinds[i], keys[i], found);
        if kinds[i] in ('endpoint', 'number') then
            return query
                select n.kind, n.key, callfeed.document(n.kind, n.key)
                from (values ('customer', found ->> 'customer_id'), ('user', found ->> 'user_id')) n (kind, key)
                where n.key is not null;
        end if;
    end loop;
end
$$;
