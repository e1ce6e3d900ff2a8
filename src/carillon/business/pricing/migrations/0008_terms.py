"""What versions were approved with so far: the rules of their lists, which had no windows yet."""

from __future__ import annotations

from django.db import migrations

FREEZE = """
update pricing_pricelistversion v
set terms = jsonb_build_object(
    'decimals', l.decimals, 'rounding', l.rounding, 'is_tax_inclusive', l.is_tax_inclusive, 'windows', '[]'::jsonb,
    'unit', 'minute', 'is_split', false, 'is_fee_deductible', false, 'ends_at_maximum', false,
    'rounds_increments', false
)
from pricing_pricelist l
where l.id = v.price_list_id and v.state <> 'draft' and v.terms = '{}'
"""


class Migration(migrations.Migration):
    dependencies = [("pricing", "0007_tariffs")]

    operations = [migrations.RunSQL(FREEZE, migrations.RunSQL.noop)]
