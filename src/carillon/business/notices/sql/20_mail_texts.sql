-- Every mail in every language for each partner and each of its web products, with the text of its own where it has one.
-- Whoever asks sees what the walls of the tables below let through. Altering columns under a view is refused: before a
-- migration `apply_sql --drop` drops it.

-- What a mail says where nobody has written it anew: the words of the nearest partner above who has, up to the
-- operator's; of a web product its own partner comes first. Runs as the owner, because nobody reads the rows of those it
-- buys from; `from` says no more of them than that, and only who sees the partner itself is answered. Null: nobody's.
create or replace function public.carillon_inherited_words(partner bigint, is_products boolean, mail text, language text)
returns jsonb language sql stable security definer set search_path = public, pg_temp cost 1000 as
$$
  select jsonb_build_object('subject', t.subject, 'text', t.text, 'from',
    case when a.id = partner then 'partner' when a.depth = 1 then 'operator' else 'seller' end)
  from partners_partner p
  cross join lateral unnest(p.path) with ordinality a (id, depth)
  join notices_mailtemplate t
    on t.partner_id = a.id and t.web_product_id is null and t.event = mail and t.culture = language
  where p.id = partner and partner = any (carillon_scope()) and (is_products or a.id <> partner)
  order by a.depth desc limit 1
$$;
revoke all on function public.carillon_inherited_words(bigint, boolean, text, text) from public;
grant execute on function public.carillon_inherited_words(bigint, boolean, text, text) to carillon_web, carillon_worker;

create view public.notices_mailtext with (security_invoker = true) as
with place as (
    select id as partner_id, null::bigint as web_product_id, id * 2000 as base, name from public.partners_partner
    union all
    select partner_id, id, id * 2000 + 1000, name from public.brands_webproduct
)
select p.base + e.position * 10 + c.position as id,
       p.partner_id,
       p.web_product_id,
       p.name as owner,
       e.event,
       c.culture,
       t.id as template_id,
       t.subject,
       t.text,
       public.carillon_inherited_words(p.partner_id, p.web_product_id is not null, e.event, c.culture) as inherited
from place p
cross join (values ('alert', 0), ('password_reset', 1), ('report', 2), ('message_reply', 3), ('invitation', 4),
            ('balance_low', 5), ('prices', 6), ('prices_stay', 7)) as e (event, position)
cross join (values ('en', 0), ('es', 1)) as c (culture, position)
left join public.notices_mailtemplate t
    on t.partner_id = p.partner_id and t.web_product_id is not distinct from p.web_product_id
    and t.event = e.event and t.culture = c.culture;

grant select on public.notices_mailtext to carillon_web, carillon_worker;
