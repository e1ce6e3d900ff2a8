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

create table if not exists edge.dialog (
    id serial primary key,
    hash_entry integer not null,
    hash_id integer not null,
    callid varchar(255) not null,
    from_uri varchar(255) not null,
    from_tag varchar(128) not null,
    to_uri varchar(255) not null,
    to_tag varchar(128) not null,
    caller_cseq varchar(20) not null,
    callee_cseq varchar(20) not null,
    caller_route_set varchar(512),
    callee_route_set varchar(512),
    caller_contact varchar(255) not null,
    callee_contact varchar(255) not null,
    caller_sock varchar(64) not null,
    callee_sock varchar(64) not null,
    state integer not null,
    start_time integer not null,
    timeout integer not null default 0,
    sflags integer not null default 0,
    iflags integer not null default 0,
    toroute_name varchar(32),
    req_uri varchar(255) not null,
    xdata varchar(512)
);
create index if not exists dialog_hash_idx on edge.dialog (hash_entry, hash_id);

create table if not exists edge.dialog_vars (
    id serial primary key,
    hash_entry integer not null,
    hash_id integer not null,
    dialog_key varchar(128) not null,
    dialog_value varchar(512) not null
);
create index if not exists dialog_vars_hash_idx on edge.dialog_vars (hash_entry, hash_id);

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
