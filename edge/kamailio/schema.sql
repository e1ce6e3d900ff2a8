-- Kamailio's own tables (5.6, db_postgres), in schema edge. Safe to run again. Run as the owner of the database.
-- Kamailio alone writes them; the portal reads edge.location for "SIP Locations".

create schema if not exists edge;

create table if not exists edge.version (
    table_name varchar(32) primary key,
    table_version integer not null default 0
);

create table if not exists edge.location (
    id serial primary key,
    ruid varchar(64) not null default '' unique,
    username varchar(64) not null default '',
    domain varchar(64),
    contact varchar(512) not null default '',
    received varchar(128),
    path varchar(512),
    expires timestamp without time zone not null default '2030-05-28 21:32:15',
    q real not null default 1.0,
    callid varchar(255) not null default 'Default-Call-ID',
    cseq integer not null default 1,
    last_modified timestamp without time zone not null default '2000-01-01 00:00:01',
    flags integer not null default 0,
    cflags integer not null default 0,
    user_agent varchar(255) not null default '',
    socket varchar(64),
    methods integer,
    instance varchar(255),
    reg_id integer not null default 0,
    server_id integer not null default 0,
    connection_id integer not null default 0,
    keepalive integer not null default 0,
    partition integer not null default 0
);
create index if not exists location_account_contact_idx on edge.location (username, domain, contact);
-- Nobody looks for others of its columns, though Kamailio's own script has an index on `expires`: it would be written anew with
-- each registration. Room in each page lets the row stay there.
drop index if exists edge.location_expires_idx, edge.location_connection_idx;
alter table edge.location set (fillfactor = 70);

create table if not exists edge.location_attrs (
    id serial primary key,
    ruid varchar(64) not null default '',
    username varchar(64) not null default '',
    domain varchar(64),
    aname varchar(64) not null default '',
    atype integer not null default 0,
    avalue varchar(512) not null default '',
    last_modified timestamp without time zone not null default '2000-01-01 00:00:01'
);
create index if not exists location_attrs_record_idx on edge.location_attrs (username, domain, ruid);

-- What a Kamailio that starts again must find of a call in progress. Its dialog module reads it as callfeed.dialog and
-- callfeed.dialog_vars and writes nothing; the edge's own events do (callfeed.record_events).
create table if not exists edge.kept_dialog (
    call uuid primary key,
    hash_entry integer not null,
    hash_id integer not null,
    dialog jsonb not null,
    vars jsonb not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);  -- each call leaves a dead row

-- The module once wrote tables of its own: calls that are in progress while such an edge is updated move.
do $$
begin
    if to_regclass('edge.dialog_vars') is null then
        return;
    end if;
    insert into edge.kept_dialog (call, hash_entry, hash_id, dialog, vars)
    select (v.said ->> 'call')::uuid, d.hash_entry, d.hash_id, to_jsonb(d), v.said
    from edge.dialog d
    join lateral (
        select jsonb_object_agg(v.dialog_key, v.dialog_value) as said from edge.dialog_vars v
        where v.hash_entry = d.hash_entry and v.hash_id = d.hash_id
    ) v on v.said ? 'call'
    on conflict do nothing;
    drop table edge.dialog, edge.dialog_vars;
end
$$;

insert into edge.version (table_name, table_version)
values ('version', 1), ('location', 9), ('location_attrs', 1), ('dialog', 7), ('dialog_vars', 1), ('uacreg', 5)
on conflict (table_name) do update set table_version = excluded.table_version;

do $$
begin
    if exists (select from pg_roles where rolname = 'carillon_edge') then
        grant usage on schema edge to carillon_edge;
        grant select, insert, update, delete on all tables in schema edge to carillon_edge;
        grant usage, select on all sequences in schema edge to carillon_edge;
    end if;
end
$$;
