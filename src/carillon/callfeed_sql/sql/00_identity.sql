-- Who signs in and what that person may see, answered before any scope is known. Each function runs as the owner, past
-- row-level security, takes exactly what its caller must already know (a hostname, a login that has signed in, the hash
-- of a token) and returns nothing beyond it.

create or replace function public.carillon_subtree(top bigint) returns bigint[]
language sql stable security definer set search_path = public, pg_temp as
$$ select coalesce(array_agg(id order by id), '{}') from partners_partner where path @> array[top] $$;

create or replace function public.carillon_operator() returns bigint
language sql stable security definer set search_path = public, pg_temp as
$$ select id from partners_partner where parent_id is null $$;

-- A login's roles at partners that are in business (a suspended partner's staff still come in: to pay, for example),
-- each with the partners it sees from there.
drop function if exists public.carillon_memberships(bigint);
create function public.carillon_memberships(login bigint)
returns table (partner_id bigint, partner_name text, role text, own_permissions text[], is_operator boolean,
               scope bigint[], second_factors text[], partner_networks text[], role_networks text[])
language sql stable security definer set search_path = public, pg_temp as
$$
  select p.id, p.name, m.role, r.permissions::text[], p.parent_id is null, public.carillon_subtree(p.id),
         array[p.second_factor, coalesce(r.second_factor, 'optional')]::text[], p.networks::text[],
         coalesce(r.networks, '{}')::text[]
  from partners_membership m
  join partners_partner p on p.id = m.partner_id
  join partners_login l on l.id = m.login_id and l.is_active
  left join partners_ownrole r on r.id = m.own_role_id
  where m.login_id = login and p.status in ('active', 'suspended')
  order by m.id
$$;

-- A login's places at customers: one login may be several users.
create or replace function public.carillon_users(login bigint)
returns table (user_id bigint, customer_id bigint, partner_id bigint, customer_name text, role text)
language sql stable security definer set search_path = public, pg_temp as
$$
  select u.id, c.id, c.partner_id, c.name, u.role
  from customers_user u
  join customers_customer c on c.id = u.customer_id
  join partners_login l on l.id = u.login_id and l.is_active
  join partners_partner p on p.id = c.partner_id
  where u.login_id = login and u.is_enabled
    and c.status in ('active', 'suspended') and p.status in ('active', 'suspended')
  order by u.id
$$;

-- The token with this SHA-256, unless revoked or expired. Remembers its use once a minute; a busy row is left alone, so
-- that requests with the same token never wait for each other.
drop function if exists public.carillon_token(text);
create function public.carillon_token(token_digest text)
returns table (token_id bigint, token_name text, partner_id bigint, login_id bigint, login_email text, realm bigint,
               scopes text[], customer_id bigint, networks text[], second_factor text)
language sql volatile security definer set search_path = public, pg_temp as
$$
  update partners_apitoken set last_used_at = now() where id in (
    select id from partners_apitoken
    where digest = token_digest and (last_used_at is null or last_used_at < now() - interval '1 minute')
    for update skip locked
  );
  select t.id, t.name, t.partner_id, l.id, l.email, l.realm, t.scopes::text[], t.customer_id, t.networks::text[],
         t.second_factor
  from partners_apitoken t
  join partners_login l on l.id = t.login_id and l.is_active
  where t.digest = token_digest and t.revoked_at is null and (t.expires_at is null or t.expires_at > now())
$$;

-- Whose website a hostname is: a partner's portal (realm 0, for staff) or a web product (realm: its partner's id).
drop function if exists public.carillon_host(text);
create function public.carillon_host(wanted text)
returns table (realm bigint, partner_id bigint, web_product_id bigint, name text)
language sql stable security definer set search_path = public, pg_temp as
$$
  select 0::bigint, p.id, null::bigint, p.name from partners_partner p where p.portal_hostname = lower(wanted)
  union all
  select w.partner_id, w.partner_id, w.id, w.name from brands_webproduct w
  where w.hostname = lower(wanted) and w.status <> 'closed'
  limit 1
$$;

-- Whether a hostname is in use by anybody, closed web products included: hostnames are unique on the whole platform.
drop function if exists public.carillon_hostname_taken(text);
create function public.carillon_hostname_taken(wanted text) returns boolean
language sql stable security definer set search_path = public, pg_temp as
$$
  select exists (select from partners_partner p where p.portal_hostname = lower(wanted))
      or exists (select from brands_webproduct w where w.hostname = lower(wanted))
$$;

-- What of the blacklists of a partner and those above it stops a visitor: nobody is signed in there, and a seller's list is
-- not its buyer's to read. What is no address is in no network.
drop function if exists public.carillon_blocked(bigint, text, text);
create function public.carillon_blocked(wanted bigint, email text, address text) returns table (kind text, value text)
language plpgsql stable security definer set search_path = public, pg_temp as
$$
declare
  at inet;
begin
  begin
    at := address::inet;
  exception when invalid_text_representation then
    at := null;
  end;
  return query
    with recursive above as (
      select p.id, p.parent_id from partners_partner p where p.id = wanted
      union select p.id, p.parent_id from partners_partner p join above a on p.id = a.parent_id
    )
    select b.kind::text, b.value::text from partners_blacklistentry b join above a on a.id = b.partner_id
    where (b.expires_at is null or b.expires_at > now())
      and case b.kind
            when 'network' then b.value::inet >>= at
            when 'mail' then '.' || lower(split_part(email, '@', -1)) like '%.' || b.value
            else false
          end
    order by b.id
    limit 1;
end
$$;

-- How a web product's pages look, for visitors: nobody is signed in there.
drop function if exists public.carillon_theme(bigint);
create function public.carillon_theme(wanted bigint)
returns table (name text, accent text, headline text, tagline text, mail_name text, logo text, imprint text, terms text,
               privacy text)
language sql stable security definer set search_path = public, pg_temp as
$$
  select w.name, w.accent, w.headline, w.tagline, w.mail_name, coalesce(l.digest, ''), w.imprint, w.terms, w.privacy
  from brands_webproduct w left join brands_logo l on l.web_product_id = w.id
  where w.id = wanted and w.status <> 'closed'
$$;

drop function if exists public.carillon_logo(bigint);
create function public.carillon_logo(wanted bigint) returns table (media_type text, content bytea)
language sql stable security definer set search_path = public, pg_temp as
$$
  select l.media_type, l.content from brands_logo l join brands_webproduct w on w.id = l.web_product_id
  where w.id = wanted and w.status <> 'closed'
$$;

-- How the portal looks for a partner's people: by its own brand, or the nearest above it.
drop function if exists public.carillon_portal_face(bigint);
create function public.carillon_portal_face(wanted bigint)
returns table (partner_name text, owner_id bigint, brand text, accent text, light text, dark text, icon text)
language sql stable security definer set search_path = public, pg_temp as
$$
  select p.name, b.partner_id, coalesce(b.name, ''), coalesce(b.accent, '#0b5cad'),
         coalesce(max(x.digest) filter (where x.place = 'light'), ''),
         coalesce(max(x.digest) filter (where x.place = 'dark'), ''),
         coalesce(max(x.digest) filter (where x.place = 'icon'), '')
  from partners_partner p
  left join lateral (
    select o.id, o.partner_id, o.name, o.accent from brands_portalbrand o
    where o.partner_id = any (p.path) order by array_position(p.path, o.partner_id) desc limit 1
  ) b on true
  left join brands_portalpicture x on x.brand_id = b.id
  where p.id = wanted
  group by p.name, b.partner_id, b.name, b.accent
$$;

drop function if exists public.carillon_portal_picture(bigint, text);
create function public.carillon_portal_picture(owner bigint, wanted text) returns bytea
language sql stable security definer set search_path = public, pg_temp as
$$ select content from brands_portalpicture where partner_id = owner and digest = wanted limit 1 $$;

do $$
declare
  entry text;
begin
  foreach entry in array array[
    'carillon_subtree(bigint)', 'carillon_operator()', 'carillon_memberships(bigint)', 'carillon_users(bigint)',
    'carillon_token(text)', 'carillon_host(text)', 'carillon_hostname_taken(text)',
    'carillon_theme(bigint)', 'carillon_logo(bigint)', 'carillon_blocked(bigint, text, text)',
    'carillon_portal_face(bigint)', 'carillon_portal_picture(bigint, text)'
  ] loop
    execute format('revoke all on function public.%s from public', entry);
    execute format('grant execute on function public.%s to carillon_web, carillon_worker', entry);
  end loop;
end $$;
