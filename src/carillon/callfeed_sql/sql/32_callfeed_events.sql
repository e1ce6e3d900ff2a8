-- What happened to calls, and their traces. Nobody waits for these, so what has come together is written together.

-- Events, oldest first: [{"call","op","at_ms","source","detail"}, ...]. What they say together changes each call's row once,
-- as if they had come one by one; calls are locked in ascending id, before any hold or account, here as everywhere.
create function callfeed.record_all(events jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    said record;
begin
    for said in
        with news as (
            insert into public.calls_callevent (call_id, kind, at_ms, source, detail, recorded_at)
            select (e.event ->> 'call')::uuid, e.event ->> 'op', (e.event ->> 'at_ms')::bigint,
                   left(e.event ->> 'source', 16), coalesce(e.event -> 'detail', '{}'), now()
            from jsonb_array_elements(events) with ordinality e (event, place)
            order by e.place
            on conflict do nothing
            returning call_id, kind, at_ms
        )
        select n.call_id, bool_or(n.kind = 'applied') as is_applied, bool_or(n.kind = 'progress') as is_ringing,
               to_timestamp(max(n.at_ms) filter (where n.kind = 'answered') / 1000.0) as answered_at,
               to_timestamp(max(n.at_ms) filter (where n.kind = 'ended') / 1000.0) as ended_at,
               to_timestamp(max(n.at_ms) filter (where n.kind = 'failed') / 1000.0) as failed_at
        from news n
        where n.kind in ('applied', 'progress', 'answered', 'ended', 'failed')
        group by n.call_id order by n.call_id
    loop
        if said.failed_at >= said.answered_at then  -- an answered call can't fail any more
            said.failed_at := null;
        end if;
        if coalesce(said.answered_at, said.ended_at) is not null then
            update public.calls_call c
            set answered_at = coalesce(said.answered_at, c.answered_at),
                alive_at = greatest(c.alive_at, said.answered_at),
                ended_at = coalesce(said.ended_at, c.ended_at, said.failed_at),
                state = case when coalesce(said.ended_at, said.failed_at) is null and c.state <> 'ended'
                             then 'answered' else 'ended' end,
                due_at = case
                    -- without the answer a price is not known: wait a moment for the answer's own event
                    when coalesce(said.answered_at, c.answered_at) is null then now() + interval '10 seconds'
                    -- the end may have come first: then the call has waited for this
                    when coalesce(said.ended_at, said.failed_at) is not null or c.state = 'ended' then now()
                    else callfeed.overdue_at(c.started_at, c.funded_until, c.decision) end
            where c.id = said.call_id and c.state <> 'rated';
        else
            update public.calls_call c
            set ended_at = coalesce(c.ended_at, said.failed_at),
                state = case when said.failed_at is not null then 'ended' when said.is_ringing then 'ringing' else c.state end,
                due_at = case when said.failed_at is not null then now()
                              when said.is_applied then now() + interval '10 minutes'  -- over all targets it may ring so long
                              else c.due_at end
            where c.id = said.call_id and c.state in ('trying', 'ringing');
        end if;
    end loop;
end
$$;

create function callfeed.record_event(call_id uuid, kind text, at_ms bigint, source text, detail jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform callfeed.record_all(jsonb_build_array(jsonb_build_object(
        'call', call_id, 'op', kind, 'at_ms', at_ms, 'source', source, 'detail', detail
    )));
end
$$;

create function callfeed.record_traces(call_ids uuid[], messages bytea[]) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into public.calls_calltrace as t (call_id, partner_id, messages, recorded_at)
    select distinct on (n.call_id) n.call_id, c.partner_id, n.messages, now()
    from unnest(call_ids, record_traces.messages) n (call_id, messages)
    left join public.calls_call c on c.id = n.call_id
    on conflict on constraint calls_calltrace_pkey
    do update set messages = excluded.messages, recorded_at = excluded.recorded_at;
end
$$;
