"""Files of rates as carriers send them, and as nobody should."""

from __future__ import annotations

import codecs
import io
import tempfile
from decimal import Decimal

import pytest
from openpyxl import Workbook

from carillon.base.errors import InvalidInput
from carillon.business.pricing.ratefile import MAX_BYTES, RateFile, open_rates, read_rates
from carillon.business.pricing.ratelines import Terms
from carillon.business.pricing.ratevalues import RateValues
from carillon.logic.callflow.feed import Step, Unit, WindowPrice
from carillon.logic.pricetext import steps_text, windows_text

HEADER = "prefix,destination,rate,connection fee,initial interval,increment\n"


def read(text: str | bytes, encoding: str = "") -> RateFile:
    content = text.encode() if isinstance(text, str) else text
    return read_rates(content, Terms("EUR"), encoding=encoding)


def refusal(text: str | bytes, encoding: str = "") -> str:
    with pytest.raises(InvalidInput) as refused:
        read(text, encoding)
    return refused.value.fields["file"]


def test_plain_file_is_read() -> None:
    file = read(HEADER + "44,United Kingdom,0.0123,0.05,60,1\r\n447,UK mobile,0.1,,,\n")
    assert file.rates == (
        RateValues("44", "United Kingdom", Decimal("0.05"), Decimal("0.0123"), 60, 1),
        RateValues("447", "UK mobile", Decimal(0), Decimal("0.1"), 1, 1),
    )
    assert (file.error_count, file.encoding, file.separator) == (0, "utf-8", ",")


@pytest.mark.parametrize(
    "header",
    [
        "Prefix;Destination Name;Rate",
        "DIAL CODE;Country;Price/min",
        '"Code";"Description";"Rate per minute"',
        "prefix\tname\tper_minute",
        "sep=;\nprefix;name;Price_Per_Minute",
    ],
)
def test_columns_are_known_by_many_names(header: str) -> None:
    separator = "\t" if "\t" in header else ";"
    file = read(header + "\n" + separator.join(("49", "Allemagne é", "0,015")))
    assert file.rates[0] == RateValues("49", "Allemagne é", Decimal(0), Decimal("0.015"), 1, 1)


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (codecs.BOM_UTF8 + "prefix,rate,name\n44,1,Curaçao".encode(), "utf-8"),
        (codecs.BOM_UTF16_LE + "prefix,rate,name\n44,1,Curaçao".encode("utf-16-le"), "utf-16-le"),
        (codecs.BOM_UTF16_BE + "prefix,rate,name\n44,1,Curaçao".encode("utf-16-be"), "utf-16-be"),
    ],
)
def test_marked_encodings_are_read(content: bytes, encoding: str) -> None:
    file = read(content)
    assert (file.rates[0].name, file.encoding) == ("Curaçao", encoding)


def test_latin_1_is_named_and_read_when_chosen() -> None:
    content = "prefix,rate,name\n44,1,UK\n599,1,Curaçao".encode("windows-1252")
    assert refusal(content).startswith("Line 3 has a byte (0xE7) that is not UTF-8. The file looks like Windows-1252")
    assert read(content, "windows-1252").rates[1].name == "Curaçao"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b" \r\n\n", "empty"),
        (b"PK\x03\x04rest", "broken ZIP file, not XLSX"),
        (b"\xd0\xcf\x11\xe0rest", "XLS"),
        (b"\x1f\x8b\x08rest", "GZIP"),
        ("prefix,rate\n44,1".encode("utf-16-le"), "UTF-16"),
        (codecs.BOM_UTF16_LE + b"p\x00r\xd8", "not UTF-16-LE"),
        (b"prefix,rate\n" + b"44,1\n" * 1000 + b"\x00", "Line 1002 has a NUL"),
        (b"prefix,name\n44,UK", "no column for per_minute"),
        (b"44,0.1\n45,0.2", "no column for prefix and per_minute"),
        (b"prefix,rate,price\n44,1,2", "both mean per_minute"),
        (b"prefix,rate\n", "no rates"),
        (b"prefix,rate\n" + b"4,1\n" * 2_000_001, "more than 2,000,000 lines"),
    ],
)
def test_file_as_a_whole_is_refused(content: bytes, says: str) -> None:
    assert says in refusal(content)


def test_too_large_a_file_is_refused_before_it_is_read() -> None:
    with tempfile.TemporaryFile() as file:
        file.truncate(MAX_BYTES + 1)
        with pytest.raises(InvalidInput, match="at most 200 are read"):
            open_rates(file, Terms("EUR"))


def test_unknown_encoding_is_refused() -> None:
    assert "not an encoding" in refusal(b"prefix,rate\n44,1", "klingon")


@pytest.mark.parametrize(
    ("line", "column", "says"),
    [
        ("abc,UK,0.1,0,1,1", "prefix", "not a prefix"),
        ("44-20,UK,0.1,0,1,1", "prefix", "not a prefix"),
        ("٤٤,UK,0.1,0,1,1", "prefix", "not a prefix"),
        ("0044,UK,0.1,0,1,1", "prefix", "begins with a country code"),
        (",UK,0.1,0,1,1", "prefix", "write * for all numbers"),
        ("1234567890123456,UK,0.1,0,1,1", "prefix", "at most 15 digits"),
        ("4.42E+11,UK,0.1,0,1,1", "prefix", "shortened by a spreadsheet"),
        ("44,UK,-0.1,0,1,1", "per_minute", "negative"),
        ("44,UK,0.1,-5,1,1", "connection_fee", "negative"),
        ("44,UK,1000.01,0,1,1", "per_minute", "absurd"),
        ("44,UK,999999999,0,1,1", "per_minute", "absurd"),
        ("44,UK,99999999999,0,1,1", "per_minute", "not a price"),
        ("44,UK,0.123456789,0,1,1", "per_minute", "at most 8 decimals"),
        ("44,UK,1e-3,0,1,1", "per_minute", "shortened by a spreadsheet"),
        ("44,UK,NaN,0,1,1", "per_minute", "not a price"),
        ("44,UK,€0.10,0,1,1", "per_minute", "no currency sign"),
        ("44,UK,,0,1,1", "per_minute", "missing"),
        ('44,UK,"0,1",0,1,1', "per_minute", "decimal point"),
        ("44,UK,=A1*2,0,1,1", "per_minute", "formula"),
        ("44,=HYPERLINK(1),0.1,0,1,1", "name", "formula"),
        ("44,@SUM(A1),0.1,0,1,1", "name", "formula"),
        ("44,+cmd,0.1,0,1,1", "name", "formula"),
        ("44,UK,0.1,0,0,1", "initial_s", "1 to 3600"),
        ("44,UK,0.1,0,1,0", "increment_s", "1 to 3600"),
        ("44,UK,0.1,0,1,1.5", "increment_s", "not a number of seconds"),
        ("44,UK,0.1,0,9999,1", "initial_s", "1 to 3600"),
        (f"44,{'x' * 101},0.1,0,1,1", "name", "at most 100 characters"),
        ("44,UK\x07,0.1,0,1,1", "name", "control character"),
        ("44,UK,0.1,0,1,1,extra", "", "7 values for 6 columns"),
        ("33,France again,0.1,0,1,1", "prefix", "on line 2 already"),
        ("+33,France again,0.1,0,1,1", "prefix", "on line 2 already"),
    ],
)
def test_bad_line_is_named_with_its_column(line: str, column: str, says: str) -> None:
    file = read(HEADER + "33,France,0.1,0,1,1\n" + line + "\n49,Germany,0.1,0,1,1\n")
    assert file.rates == ()
    assert [(error.line, error.column) for error in file.errors] == [(3, column)]
    assert says in file.errors[0].message


def test_open_quote_is_found_where_it_opens() -> None:
    file = read(HEADER + '33,France,0.1,0,1,1\n44,"UK,0.1,0,1,1\n49,Germany,0.1,0,1,1\n')
    assert (file.errors[0].line, file.error_count) == (3, 1)
    assert "quote" in file.errors[0].message


def test_lines_are_counted_as_an_editor_does() -> None:
    file = read("\n\n" + HEADER + '\n33,"Fra\nnce",0.1,0,1,1\n\n44,UK,x,0,1,1\n')
    assert [(error.line, error.column) for error in file.errors] == [(5, "name"), (8, "per_minute")]


def test_only_the_first_200_errors_are_kept_but_all_are_counted() -> None:
    file = read(HEADER + "x,UK,0.1,0,1,1\n" * 500)
    assert (len(file.errors), file.error_count) == (200, 500)


def test_other_currency_is_refused_and_intervals_may_be_one_column() -> None:
    file = read("prefix,rate,currency,billing\n44,1,EUR,60/6\n45,1,usd,1/1\n46,1,,30\n")
    assert [(error.line, error.column) for error in file.errors] == [(3, "currency")]
    file = read("prefix,rate,billing,colour\n44,1,60/6,red\n*,2,30,\n")
    assert [(rate.prefix, rate.initial_s, rate.increment_s) for rate in file.rates] == [("44", 60, 6), ("", 1, 30)]
    assert file.ignored_columns == ("colour",)


# ---------------------------------------------------------------- windows, steps, limits, units, groups

FULL = "prefix,name,rate,connection fee,initial,increment,grace,minimum,maximum,window,from_s\n"
HELD = Terms("EUR", windows=("Night", "Weekend"), groups={"uk mobile": ("4474", "4477")})


def held(text: str, terms: Terms = HELD) -> RateFile:
    return read_rates(text.encode(), terms)


def test_lines_of_windows_and_steps_belong_to_their_prefix() -> None:
    file = held(
        FULL
        + "44,UK,0.02,0.05,60,1,3,0.01,2.5,,\n"
        + "44,,0.01,,,1,,,,,600\n"
        + "44,,0.005,,1,1,,,,Night,\n"
        + "44,,0.004,,,60,,,,Night,300\n"
        + "49,Germany,0.01,,1,1,,,,,\n"
    )
    assert file.errors == ()
    night = WindowPrice("Night", Decimal(0), Decimal("0.005"), 1, 1, (Step(300, Decimal("0.004"), 60),))
    assert file.rates[0] == RateValues(
        *("44", "UK", Decimal("0.05"), Decimal("0.02"), 60, 1, 3, Decimal("0.01"), Decimal("2.5")),
        steps=(Step(600, Decimal("0.01"), 1),),
        windows=(night,),
    )
    assert [rate.prefix for rate in file.rates] == ["44", "49"]


def test_one_line_may_hold_all_as_our_own_files_do() -> None:
    windows = "Night=0+0.005 1/1 300:0.004/60; Weekend=0.1+0.01 60/60"
    file = held(f'Prefix;Destination;Rate;Steps;Windows\n44;UK;0,02;600:0.01/1;"{windows}"\n')
    (rate,) = file.rates
    assert (steps_text(rate.steps), windows_text(rate.windows)) == ("600:0.01/1", windows)


@pytest.mark.parametrize(
    ("title", "unit", "written", "price"),
    [
        ("rate per second", Unit.MINUTE, "0.0005", "0.03"),
        ("per hour", Unit.MINUTE, "1.2", "0.02"),
        ("price/min", Unit.SECOND, "0.06", "0.001"),
        ("Per Minute", Unit.HOUR, "0.02", "1.2"),
        ("rate", Unit.SECOND, "0.001", "0.001"),
        ("per message", Unit.MESSAGE, "0.05", "0.05"),
    ],
)
def test_prices_of_another_unit_are_converted_exactly(title: str, unit: Unit, written: str, price: str) -> None:
    file = held(f"prefix,{title}\n44,{written}\n", Terms("EUR", unit))
    assert [rate.per_minute for rate in file.rates] == [Decimal(price)]


def test_a_line_for_a_group_is_one_for_each_of_its_prefixes() -> None:
    file = held("prefix,group,rate,window\n,UK Mobile,0.05,\n,UK Mobile,0.02,Night\n44,,0.01,\n")
    assert [(rate.prefix, rate.name, len(rate.windows)) for rate in file.rates] == [
        ("4474", "UK Mobile", 1),
        ("4477", "UK Mobile", 1),
        ("44", "44", 0),
    ]


@pytest.mark.parametrize(
    ("lines", "column", "says"),
    [
        ("44,UK,0.02,,,,,,,Noon,", "window", "There is no window “Noon”; this version has: Night, Weekend"),
        ("44,UK,0.02,,,,,,,Night,", "prefix", "must follow its prefix's own line"),
        ("44,UK,0.02,,,,,,,,600", "prefix", "must follow its prefix's own line"),
        ("44,UK,0.02,,,,,,,,\n49,DE,1,,,,,,,,\n44,UK,0.01,,,,,,,Night,", "prefix", "must follow"),
        ("44,UK,0.02,,,,,,,,\n44,UK,0.01,,,,,,,Night,300", "window", "must come before its steps"),
        ("44,UK,0.02,,,,,,,,\n44,UK,1,,,,,,,Night,\n44,UK,2,,,,,,,Night,", "windows", "two prices"),
        ("44,UK,0.02,,,,,,,,\n44,UK,1,,,,,,,,60\n44,UK,2,,,,,,,,60", "steps", "same second"),
        ("44,UK,0.02,,,,,,,,\n44,UK,1,,,0,,,,,60", "increment_s", "1 to 3600"),
        ("44,UK,0.02,,,,,,,,\n44,UK,1,,,,5,,,Night,", "", "prefix's own line"),
        ("44,UK,0.02,,0,1,,,,,", "initial_s", "1 to 3600"),
        ("44,UK,0.02,,,,-1,,,,", "grace_s", "not a number of seconds"),
        ("44,UK,0.02,,,,,2,1,,", "maximum", "below the least"),
        ("44,UK,0.02,,,,,,-3,,", "maximum", "negative"),
        ("44,UK,2e-2,,,,,,,,", "per_minute", "shortened by a spreadsheet"),
        ("44,UK,0.02,,,,,,,,x", "from_s", "not a number of seconds"),
        ("44,UK,0.02,,,,,,,,\n44,UK,0.02,,,,,,,,90000", "steps", "second 1 to"),
        ("44,UK,123456,,,,,,,,", "per_minute", "absurd"),
        ("44;UK;0.02", "per_minute", "missing"),
    ],
)
def test_what_is_wrong_with_windows_steps_and_limits_is_told_by_line(lines: str, column: str, says: str) -> None:
    file = held(FULL + lines + "\n")
    assert file.rates == () and [error.column for error in file.errors] == [column]
    assert says in file.errors[0].message


@pytest.mark.parametrize(
    ("header", "line", "terms", "says"),
    [
        ("prefix,per hour", "44,0.5", Terms("EUR"), "not exact per minute"),
        ("prefix,per message", "44,0.5", Terms("EUR"), "do not convert"),
        ("prefix,group,rate", ",nowhere,1", HELD, "no destination group “nowhere”"),
        ("prefix,group,rate", "44,uk mobile,1", HELD, "not for both"),
        ("prefix,rate,steps", "44,1,60", HELD, "no list of steps"),
        ("prefix,rate,windows", "44,1,Night", HELD, "no list of window prices"),
        ("prefix,rate,currency", "44,1,USD", HELD, "The list is in EUR"),
    ],
)
def test_what_cannot_be_taken_is_told(header: str, line: str, terms: Terms, says: str) -> None:
    (error,) = held(f"{header}\n{line}\n", terms).errors
    assert says in error.message


def test_a_spreadsheet_is_read_like_a_file() -> None:
    book = Workbook()
    for row in (("Prefix", "Destination", "Rate", "Intervals"), (447, "UK mobile", 0.0125, "60/1"), (None, None)):
        book.active.append(row)
    content = io.BytesIO()
    book.save(content)
    file = read_rates(content.getvalue(), HELD)
    assert file.rates == (RateValues("447", "UK mobile", Decimal(0), Decimal("0.0125"), 60, 1),)
    assert file.encoding == "xlsx"
