-- Live registrations as the portal sees them: the edge's table joined to the endpoints that the asker may see. The edge
-- knows no tenants, so nobody reads its table but through this view, which puts the wall up itself. It hangs on a view of
-- schema callfeed, so dropping that schema before a migration drops it too.

create view callfeed.sip_domain as
select w.id as web_product_id, lower(w.sip_domain) as name from public.brands_webproduct w;

create view public.endpoints_location with (security_barrier = true) as
select l.id::bigint as id,
       e.partner_id,
       e.customer_id,
       e.id as endpoint_id,
       e.username || '@' || d.name as address_of_record,
       l.contact::text as contact,
       coalesce(l.received, '')::text as received,
       l.user_agent::text as user_agent,
       coalesce(substring(lower(l.contact) from 'transport=([a-z]+)'), split_part(l.socket, ':', 1), 'udp') as transport,
       l.last_modified at time zone 'UTC' as registered_at,
       l.expires at time zone 'UTC' as expires_at
from edge.location l
join callfeed.sip_domain d on d.name = lower(l.domain)
join public.endpoints_endpoint e on e.web_product_id = d.web_product_id and e.username = l.username
where l.expires > now() at time zone 'UTC'
  and e.partner_id = any ((select public.carillon_scope())::bigint[])
  and ((select public.carillon_customer()) is null or e.customer_id = (select public.carillon_customer()));

create view callfeed.uacreg as
select g.id, g.l_uuid, g.auth_username as l_username, g.host as l_domain, g.auth_username as r_username,
       g.host as r_domain, g.realm, g.auth_username, ''::text as auth_password, g.auth_ha1,
       'sip:' || g.host || ':' || g.port || ';transport=' || g.transport as auth_proxy,
       600 as expires, 0 as flags, 0 as reg_delay, ''::text as contact_addr, ''::text as socket
from (
    select g.id::integer as id, 'gateway-' || g.id as l_uuid, g.host::text, g.port, g.transport::text,
           g.auth_username::text, coalesce(nullif(g.auth_realm, ''), g.host)::text as realm,
           -- the password is encrypted with a key PostgreSQL never sees; what it hashes to is kept beside it
           g.auth_ha1::text
    from public.routing_gateway g
    where g.mode = 'registration' and g.is_enabled and g.auth_username <> ''
) g;
