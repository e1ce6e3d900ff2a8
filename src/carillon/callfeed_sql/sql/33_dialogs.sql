-- Kamailio's dialogs: what it finds of calls in progress when it starts. Its dialog module reads two tables of one row per
-- dialog and one per variable; here they are views of what the edge's events have said (callfeed.record_events).

create view callfeed.dialog as
select k.hash_entry, k.hash_id, d.callid, d.from_uri, d.from_tag, d.to_uri, d.to_tag, d.caller_cseq, d.callee_cseq,
       nullif(d.caller_route_set, '')::varchar as caller_route_set,
       nullif(d.callee_route_set, '')::varchar as callee_route_set,
       d.caller_contact, d.callee_contact, d.caller_sock, d.callee_sock, 4 as state, d.start_time,
       -- a call lasts as long as it is paid for now (and the second that control has, to end it first)
       greatest(d.timeout, extract(epoch from c.funded_until)::integer + 1) as timeout,
       0 as sflags,
       -- BYE at the timeout, OPTIONS to both sides; 16: CSeq differs by the variable cseq_diff
       7 + case when k.vars ? 'cseq_diff' then 16 else 0 end as iflags,
       null::varchar as toroute_name, d.to_uri as req_uri, null::varchar as xdata
from edge.kept_dialog k
cross join lateral jsonb_to_record(k.dialog) as d (
    callid varchar, from_uri varchar, from_tag varchar, to_uri varchar, to_tag varchar, caller_cseq varchar,
    callee_cseq varchar, caller_route_set varchar, callee_route_set varchar, caller_contact varchar,
    callee_contact varchar, caller_sock varchar, callee_sock varchar, start_time integer, timeout integer
)
left join public.calls_call c on c.id = k.call;

create view callfeed.dialog_vars as
select k.hash_entry, k.hash_id, v.key::varchar as dialog_key, v.value::varchar as dialog_value
from edge.kept_dialog k
cross join lateral jsonb_each_text(k.vars) as v;

-- With db_mode 3 the module empties its tables once it has read them, and fills them when it is stopped.
create rule nothing_less as on delete to callfeed.dialog do instead nothing;
create rule nothing_less as on delete to callfeed.dialog_vars do instead nothing;
create rule nothing_more as on insert to callfeed.dialog do instead nothing;
create rule nothing_more as on insert to callfeed.dialog_vars do instead nothing;

-- What the edge says of calls, oldest first: events, and dialogs to be kept until they have ended. Those are deleted one by
-- one, each by its key: for all at once the whole index is read, with what has been deleted since it was last vacuumed.
create function callfeed.record_edge(said jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    over uuid;
begin
    insert into edge.kept_dialog as k (call, hash_entry, hash_id, dialog, vars)
    select distinct on (call) (s.one ->> 'call')::uuid as call, (s.one ->> 'h_entry')::integer, (s.one ->> 'h_id')::integer,
           s.one -> 'dialog', s.one -> 'vars'
    from jsonb_array_elements(said) with ordinality s (one, place)
    where s.one ->> 'op' = 'dialog'
    order by call, s.place desc
    on conflict on constraint kept_dialog_pkey do update set dialog = excluded.dialog, vars = excluded.vars;
    perform callfeed.record_all(jsonb_agg(s.one order by s.place))
    from jsonb_array_elements(said) with ordinality s (one, place)
    where s.one ->> 'op' <> 'dialog'
    having count(*) > 0;
    for over in
        select (s.one ->> 'call')::uuid from jsonb_array_elements(said) s (one) where s.one ->> 'op' = 'ended'
    loop
        delete from edge.kept_dialog k where k.call = over;
    end loop;
end
$$;

-- The same: JSON texts in base64, each behind a comma. One that makes no sense is left out with a warning; its call is the
-- sweeper's.
create function callfeed.record_events(events text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    found constant text[] := array_remove(string_to_array(events, ','), '');
    coded text;
begin
    begin
        perform callfeed.record_edge(jsonb_agg(callfeed.edge_event(f.coded) order by f.place))
        from unnest(found) with ordinality f (coded, place);
        return;
    exception when data_exception or integrity_constraint_violation or program_limit_exceeded then
        null;
    end;
    foreach coded in array found loop
        begin
            perform callfeed.record_edge(jsonb_build_array(callfeed.edge_event(coded)));
        exception when data_exception or integrity_constraint_violation or program_limit_exceeded then
            raise warning 'The event % can''t be stored: %', coded, sqlerrm;
        end;
    end loop;
end
$$;

create function callfeed.edge_event(coded text) returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
    return convert_from(decode(coded, 'base64'), 'UTF8')::jsonb || '{"source": "edge"}';
end
$$;

-- Calls that the edge carries on though nobody has them open: for control, which ends them.
create function callfeed.stray_dialogs() returns table (call_id uuid, h_entry integer, h_id integer)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select k.call, k.hash_entry, k.hash_id
    from edge.kept_dialog k
    where (k.dialog ->> 'start_time')::integer < extract(epoch from now()) - 180 and not exists (
        select from public.calls_call c where c.id = k.call and c.state in ('trying', 'ringing', 'answered')
    )
    limit 100
$$;

-- One of a call that ended without the edge's saying so: it would be a call again after a restart.
create function callfeed.forget_dialog(call_id uuid) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
    delete from edge.kept_dialog k where k.call = $1
$$;

-- For the worker: whether the edge may still have this call.
create function callfeed.has_dialog(call_id uuid) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select exists (select from edge.kept_dialog k where k.call = $1)
$$;
