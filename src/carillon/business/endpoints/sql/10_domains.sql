-- The SIP domain of a web product, in the spelling that phones and Kamailio hash. Domains are public; customers' people
-- need theirs although they may not read web products.

create or replace function public.carillon_sip_domain(web_product_id bigint) returns text
language sql stable parallel safe security definer set search_path = pg_catalog, pg_temp as
$$ select lower(w.sip_domain) from public.brands_webproduct w where w.id = $1 $$;

revoke all on function public.carillon_sip_domain(bigint) from public;
grant execute on function public.carillon_sip_domain(bigint) to carillon_web, carillon_worker;
