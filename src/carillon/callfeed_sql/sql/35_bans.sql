-- Bans that the edge has made by itself: written by control, kept for people, given back to an edge that has forgotten them.

create function callfeed.keep_bans(bans jsonb) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
    insert into public.endpoints_ban as b (partner_id, source, account, reason, since, until, hits)
    select coalesce(
               (select w.partner_id from public.brands_webproduct w
                where w.sip_domain = lower(substring(f.account from '@([^@]*)$'))),
               (select p.id from public.partners_partner p where p.parent_id is null)
           ),
           left(f.source, 45), left(f.account, 320), left(f.reason, 16),
           to_timestamp(f.since_s), to_timestamp(f.until_s), f.hits
    from jsonb_to_recordset($1)
        as f (source text, account text, reason text, since_s bigint, until_s bigint, hits bigint)
    on conflict (source, account, since) do update set hits = greatest(b.hits, excluded.hits)
$$;

create function callfeed.standing_bans() returns table (whom text, reason text, since_s bigint, until_s bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select b.source || case when b.account = '' then '' else '/' || b.account end, b.reason::text,
           extract(epoch from b.since)::bigint, extract(epoch from b.until)::bigint
    from public.endpoints_ban b
    where b.until > now() and b.lifted_at is null
$$;
