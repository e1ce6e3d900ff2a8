-- Whether calls from these addresses (`address`, `block`, `address:port`) are somebody's already: of an account but
-- `endpoint_id`, or, when `with_gateways`, of a carrier. It looks past the wall and tells only yes or no. Who asks waits
-- for others that ask in a transaction, so that two do not get the same address at once.

create or replace function public.carillon_source_taken(sources text[], endpoint_id bigint, with_gateways boolean)
returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform pg_advisory_xact_lock(hashtext('carillon_source_taken'));
    return exists (
        with held as (
            select unnest(e.source_addresses) as source
            from public.endpoints_endpoint e
            where e.source_addresses <> '{}' and e.id is distinct from carillon_source_taken.endpoint_id
            union all
            select unnest(g.source_addresses) from public.routing_gateway g where with_gateways
        ),
        written as (select source, true as is_held from held union all select unnest(sources), false),
        parsed as (
            select w.is_held,
                   (case when p.part is null then w.source else p.part[1] end)::inet as block, p.part[2] as port
            from written w
            left join lateral regexp_match(w.source, '^\[?([0-9.]+|(?<=\[)[0-9a-fA-F:.]+)\]?:([0-9]+)$') p (part) on true
        )
        select 1
        from parsed a
        join parsed b on b.is_held and a.block && b.block and (a.port is null or b.port is null or a.port = b.port)
        where not a.is_held
    );
end
$$;

revoke all on function public.carillon_source_taken(text[], bigint, boolean) from public;
grant execute on function public.carillon_source_taken(text[], bigint, boolean) to carillon_web, carillon_worker;
