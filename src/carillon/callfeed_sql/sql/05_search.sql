-- Text search past row-level security: LIKE is not leakproof, so under row-level security it never uses a trigram index.
-- This runs as the owner and puts the wall up itself: what it returns lies within carillon.scope and, for a customer's
-- user, carillon.customer; with no scope set it returns nothing. It gives away ids alone, of rows the caller may read.

drop function if exists public.carillon_search(text, text, int);
create function public.carillon_search(kind text, wanted text, most int) returns table (id bigint)
language plpgsql stable security definer set search_path = public, pg_temp
set plan_cache_mode = force_custom_plan  -- how rare the text is decides between the trigram and the partner's index
as $$
declare
  -- the text itself, anywhere: its own wildcards mean nothing
  pattern constant text := '%' || replace(replace(replace(left(wanted, 100), '\', '\\'), '%', '\%'), '_', '\_') || '%';
  at_most constant int := least(greatest(most, 0), 200);
  seen constant bigint[] := public.carillon_scope();
  own constant bigint := public.carillon_customer();
  -- of a telephone number: the last digits, without what is dialled before a number (+, 00, 0)
  ends_in constant text := case when wanted ~ '^[0-9+ ()./-]{5,40}$'
    then reverse(ltrim(regexp_replace(wanted, '[^0-9]', '', 'g'), '0')) || '%' end;
begin
  if coalesce(wanted, '') = '' then
    return;
  end if;
  case kind
    when 'customers' then
      return query select t.id from customers_customer t
        where (t.name ilike pattern or t.email ilike pattern)
          and t.partner_id = any (seen) and (own is null or t.id = own) limit at_most;
    when 'users' then
      return query select t.id from customers_user t
        where (t.name ilike pattern or t.email ilike pattern)
          and t.partner_id = any (seen) and (own is null or t.customer_id = own) limit at_most;
    when 'numbers' then
      return query select t.id from numbers_number t
        where t.e164 ilike pattern
          and t.partner_id = any (seen) and (own is null or t.customer_id = own) limit at_most;
    when 'endpoints' then
      return query select t.id from endpoints_endpoint t
        where (t.username ilike pattern or t.label ilike pattern)
          and t.partner_id = any (seen) and (own is null or t.customer_id = own) limit at_most;
    when 'calls' then  -- rows of the CDR panel, by an id of the call or by the end of a number, never by part of a text
      return query select t.id from calls_cdr t
        where t.call_id in (
            select c.id from calls_call c where c.sip_call_id = wanted and c.state = 'rated'
            union all
            select case when wanted ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then wanted::uuid end
          )
          and t.tier = 0 and not t.is_carrier_cost
          and t.partner_id = any (seen) and (own is null or t.customer_id = own) limit at_most;
      if length(ends_in) > 5 then
        return query
          (select t.id from calls_cdr t where reverse(t.callee) like ends_in and t.tier = 0 and not t.is_carrier_cost
            and t.partner_id = any (seen) and (own is null or t.customer_id = own) limit at_most)
          union
          (select t.id from calls_cdr t where reverse(t.caller) like ends_in and t.tier = 0 and not t.is_carrier_cost
            and t.partner_id = any (seen) and (own is null or t.customer_id = own) limit at_most);
      end if;
  end case;  -- an unknown kind is our own mistake and fails
end $$;

revoke all on function public.carillon_search(text, text, int) from public;
grant execute on function public.carillon_search(text, text, int) to carillon_web, carillon_worker;
