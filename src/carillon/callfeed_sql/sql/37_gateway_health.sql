-- How carriers' gateways are, as control has found them: written by it, read by people and by a control after it.

create function callfeed.keep_health(gateways jsonb) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
    insert into public.routing_gatewayhealth as h (
        gateway_id, partner_id, uri, presence, since, silences, replied_at, heard_at, sip_code, round_trip_ms, quarters
    )
    select g.id, g.partner_id, left(f.uri, 300), f.presence, to_timestamp(nullif(f.since_ms, 0) / 1000.0), f.silences,
           to_timestamp(f.replied_ms / 1000.0), to_timestamp(f.heard_ms / 1000.0), f.sip_code, f.round_trip_ms,
           f.quarters
    from jsonb_to_recordset($1) as f (
        gateway_id bigint, uri text, presence text, since_ms bigint, silences integer, replied_ms bigint,
        heard_ms bigint, sip_code integer, round_trip_ms integer, quarters jsonb
    )
    join public.routing_gateway g on g.id = f.gateway_id
    order by g.id
    on conflict (gateway_id) do update
    set uri = excluded.uri, presence = excluded.presence, since = excluded.since, silences = excluded.silences,
        replied_at = excluded.replied_at, heard_at = excluded.heard_at, sip_code = excluded.sip_code,
        round_trip_ms = excluded.round_trip_ms, quarters = excluded.quarters
$$;

create view callfeed.gateway_health as
select jsonb_build_object(
           'gateway_id', h.gateway_id, 'uri', h.uri, 'presence', h.presence, 'silences', h.silences,
           'since_ms', coalesce((extract(epoch from h.since) * 1000)::bigint, 0),
           'replied_ms', (extract(epoch from h.replied_at) * 1000)::bigint,
           'heard_ms', (extract(epoch from h.heard_at) * 1000)::bigint,
           'sip_code', h.sip_code, 'round_trip_ms', h.round_trip_ms, 'quarters', h.quarters
       ) as doc
from public.routing_gatewayhealth h;
