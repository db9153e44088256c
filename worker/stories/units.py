"""The spellings of scales, currencies and units, each with what it stands for."""

SCALES = {"thousand": 1e3, "k": 1e3, "million": 1e6, "millions": 1e6, "mn": 1e6, "mln": 1e6, "m": 1e6, "billion": 1e9,
           "billions": 1e9, "bn": 1e9, "b": 1e9, "trillion": 1e12, "tn": 1e12, "t": 1e12, "hundred": 1e2, "dozen": 12,
           "lakh": 1e5, "crore": 1e7, "万亿": 1e12, "亿": 1e8, "千万": 1e7, "百万": 1e6, "万": 1e4, "千": 1e3}  # fmt: skip
SIGNS = {"us$": "USD", "$": "USD", "a$": "AUD", "au$": "AUD", "c$": "CAD", "ca$": "CAD", "hk$": "HKD", "nz$": "NZD",
          "s$": "SGD", "r$": "BRL", "€": "EUR", "£": "GBP", "¥": "¥", "￥": "¥", "₹": "INR", "rs": "INR", "₩": "KRW", "usd": "USD",
          "eur": "EUR", "gbp": "GBP", "cny": "CNY", "rmb": "CNY", "jpy": "JPY", "inr": "INR", "chf": "CHF"}  # fmt: skip
CURRENCIES = frozenset(SIGNS.values()) | {"pound"}

# Spelling: the unit it is counted in, and how many of that it is. "2 weeks" is 14 days and "3 decades" are 30 years.
_UNIT_TABLE = """
% 1: % | percent | per cent | pct
points 1: percentage points | percentage point
USD 1: us dollars | u.s. dollars | dollars | dollar | usd | bucks | 美元
AUD 1: australian dollars
CAD 1: canadian dollars
HKD 1: hong kong dollars
EUR 1: euros | euro | eur | 欧元
GBP 1: pounds sterling | gbp | 英镑
CNY 1: yuan | renminbi | rmb | cny | 元 | 人民币
JPY 1: yen | jpy | 日元
INR 1: rupees | rupee | inr
KRW 1: won | 韩元
CHF 1: swiss francs | francs | chf
pound 1: pounds | pound | lbs | lb
cent 1: cents | cent
month 1: months | month | 个月
month 12: years | year | yrs | yr
month 120: decades | decade
month 1200: centuries | century
s 1: seconds | second | secs | sec
s 0.001: milliseconds | ms
s 60: minutes | minute | mins | min | 分钟
s 3600: hours | hour | hrs | hr | 小时
s 86400: days | day | 天
s 604800: weeks | week | 周
s 1209600: fortnight
x 1: times | x | × | fold | -fold | 倍
W 1: watts | watt | w
W 1e3: kilowatts | kilowatt | kw
W 1e6: megawatts | megawatt | mw
W 1e9: gigawatts | gigawatt | gw
W 1e12: terawatts | terawatt | tw
Wh 1e3: kilowatt-hours | kilowatt hours | kwh
Wh 1e6: megawatt-hours | megawatt hours | mwh
Wh 1e9: gigawatt-hours | gigawatt hours | gwh
Wh 1e12: terawatt-hours | terawatt hours | twh
B 1e3: kilobytes | kb
B 1e6: megabytes | megabyte | mb
B 1e9: gigabytes | gigabyte | gb
B 1e12: terabytes | terabyte | tb
B 1e15: petabytes | pb
Hz 1: hz | hertz
Hz 1e6: mhz
Hz 1e9: ghz
m 1: metres | meters | metre | meter | 米
m 1e3: kilometres | kilometers | kilometre | kilometer | km | 公里
m 0.01: centimetres | centimeters | cm
m 0.001: millimetres | millimeters | mm
nm 1: nanometres | nanometers | nanometre | nanometer | nm | 纳米
mile 1: miles | mile
foot 1: feet | foot | ft
inch 1: inches | inch
acre 1: acres | acre
hectare 1: hectares | hectare
mile2 1: square miles | square mile
foot2 1: square feet | square foot | sq ft
m2 1e6: square kilometres | square kilometers | sq km
m2 1: square metres | square meters
kg 1: kilograms | kilogram | kilos | kilo | kg | 公斤
kg 1e3: tonnes | tonne | metric tons | 吨
ton 1: tons | ton
celsius 1: degrees celsius | °c | ℃
fahrenheit 1: degrees fahrenheit | °f
degree 1: degrees | degree | °
mph 1: mph | miles per hour | miles an hour
km/h 1: km/h | kph | kilometres per hour | kilometers per hour
pixel 1e6: megapixels | megapixel | mp
"""
UNITS: dict[str, tuple[str, float]] = {}
for _line in _UNIT_TABLE.strip().splitlines():
    _head, _, _spellings = _line.partition(": ")
    for _spelling in _spellings.split(" | "):
        UNITS[_spelling] = (_head.split()[0], float(_head.split()[1]))
