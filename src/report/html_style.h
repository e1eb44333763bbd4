/// The style sheet of the HTML report: light and dark by the reader's setting, from phone to desk.
#pragma once

namespace speedster::report {

inline constexpr const char* kStyle = R"css(
:root{color-scheme:light dark;--page:#f7f7f5;--card:#fff;--text:#1d2126;--muted:#5c6570;--line:#e2e4e7;--grid:#eceef0;
--winner:#0a7a4a;--qualified:#2563ab;--excluded:#b25e00;--failed:#b3261e;--quiet:#7b838d;--tint:#e8f5ee;--beyond:#fdf3e7;--zero:#f3f5f7}
@media(prefers-color-scheme:dark){:root{--page:#13161a;--card:#1a1e23;--text:#e5e8eb;--muted:#9aa4af;--line:#2c323a;--grid:#262b32;
--winner:#4fc78d;--qualified:#6fb1f4;--excluded:#eea84a;--failed:#ff8b80;--quiet:#8b949e;--tint:#173126;--beyond:#2a2318;--zero:#20252b}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif;
font-variant-numeric:tabular-nums;overflow-wrap:break-word}
main{max-width:1040px;margin:0 auto;padding:32px 24px 64px}
header{margin-bottom:24px}
h1{font-size:26px;line-height:1.25;margin:4px 0 8px;font-weight:650}
h2{font-size:18px;margin:0 0 4px;font-weight:650}
p{margin:0 0 12px}
.kicker,.muted{color:var(--muted)}
.kicker{font-size:13px}
.lead{font-size:17px;max-width:70ch}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:20px 24px;margin:0 0 20px}
section>.muted{font-size:14px;max-width:75ch}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:0 0 20px}
.tile{min-width:0;overflow-wrap:anywhere;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px}
.tile b{display:block;font-size:22px;font-weight:650;line-height:1.3}
.tile span{color:var(--muted);font-size:13px}
.tile.main{background:var(--tint);border-color:var(--winner)}
.tile.main b{color:var(--winner)}
.warning{border-left:4px solid var(--excluded);padding:8px 14px;background:var(--beyond);border-radius:4px;margin:0 0 12px}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:8px 12px 8px 0;border-bottom:1px solid var(--line)}
th{font-size:13px;color:var(--muted);font-weight:600}
tr:last-child td{border-bottom:0}
td.number,th.number{text-align:right;white-space:nowrap}
td.short{white-space:nowrap}
dd,h1,.lead,.whole,pre,.result td{overflow-wrap:anywhere}
.result td:first-child{overflow-wrap:normal}
.candidates th.first{width:25%}
.interval-text{color:var(--muted);font-size:13px;white-space:nowrap}
.candidates td{font-size:14px}
.candidates .name{font-weight:600}
.candidates tr.best td{background:var(--tint)}
.candidates tr.best td:first-child{box-shadow:inset 3px 0 0 var(--winner);padding-left:10px}
.techniques{color:var(--muted);font-size:13px;font-weight:400}
.fate{display:inline-block;border:1px solid currentColor;border-radius:999px;padding:0 9px;font-size:12.5px;white-space:nowrap}
.fate.winner{color:var(--winner);font-weight:650}.fate.qualified{color:var(--qualified)}.fate.excluded{color:var(--excluded)}
.fate.failed{color:var(--failed)}.fate.quiet{color:var(--quiet)}
details{margin-top:6px}summary{cursor:pointer;color:var(--muted);font-size:13px}
dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 14px;margin:6px 0;font-size:13.5px}
dt{color:var(--muted)}dd{margin:0}
dd dl{margin:0}
pre{background:var(--page);border:1px solid var(--line);border-radius:6px;padding:10px 12px;overflow:auto;font-size:12.5px;margin:6px 0;
white-space:pre-wrap}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
.stages{display:grid;grid-template-columns:max-content 1fr max-content;gap:6px 14px;align-items:center;font-size:14px;margin-top:10px}
.stages .muted{text-align:right}
.bar{height:12px;border-radius:3px;background:var(--qualified);min-width:2px}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;font-size:13px;color:var(--muted);margin:8px 0 0;padding:0;list-style:none}
.legend svg{width:20px;height:20px;vertical-align:-5px;margin-right:5px;display:inline}
svg.wide,svg.narrow{width:100%;height:auto;margin-top:8px}
svg.wide{display:block}svg.narrow{display:none}
svg text{fill:var(--text);font-family:inherit;font-size:12.5px}
svg .tick,svg .axis{fill:var(--muted);font-size:12px}
svg .figure{fill:var(--muted)}
svg .label,svg .figure{paint-order:stroke;stroke:var(--card);stroke-width:3px;stroke-linejoin:round}
svg .winner-text{fill:var(--winner);font-weight:650}
svg .budget-text{fill:var(--excluded)}
svg .grid{stroke:var(--grid)}svg .reference{stroke:var(--muted);stroke-dasharray:4 4}svg .budget{stroke:var(--excluded);stroke-dasharray:6 4}
svg .zero{fill:var(--zero)}svg .beyond{fill:var(--beyond)}
svg .front{fill:none;stroke:var(--winner);stroke-width:1.5;opacity:.75}
svg .marker *{stroke-width:1.8}
svg .series{fill:none;stroke-width:1.5;opacity:.55}svg .series.qualified{stroke:var(--qualified)}svg .series.excluded{stroke:var(--excluded)}
svg .original *{fill:var(--text);stroke:var(--text)}
svg .winner *{fill:var(--winner);stroke:var(--winner)}
svg .qualified *{fill:var(--qualified);stroke:var(--qualified)}
svg .excluded *{fill:var(--excluded);stroke:var(--excluded)}
svg .marker .ring,svg .hollow *{fill:var(--card)}
svg .interval path{fill:none;stroke-width:2}
svg .layer{fill:var(--qualified)}svg .layer.back{fill:var(--winner)}
footer{color:var(--muted);font-size:13px}
@media(max-width:720px){
main{padding:20px 12px 40px}section{padding:16px 14px}h1{font-size:22px}
svg.wide{display:none}svg.narrow{display:block}
.tiles{grid-template-columns:minmax(0,1fr) minmax(0,1fr)}
.candidates thead{display:none}.candidates tr{display:block;border-bottom:1px solid var(--line);padding:10px 0}
.candidates tr:last-child{border-bottom:0}
.candidates td{border:0}.candidates td.nothing{display:none}
.candidates td:not(.whole):not(.nothing){display:flex;justify-content:space-between;gap:16px;border:0;padding:2px 0;text-align:right;white-space:normal}
.candidates td::before{content:attr(data-label);color:var(--muted);text-align:left}
.candidates td.whole{display:block;text-align:left}.candidates td.whole::before{content:none}
.candidates tr.best{background:var(--tint);margin:0 -14px;padding:10px 14px}.candidates tr.best td:first-child{box-shadow:none;padding-left:0}
.result{table-layout:fixed}.result th,.result td{font-size:13px;padding-right:6px}.result .interval-text{white-space:normal}
.result th:first-child{width:22%}.result th:nth-child(2){width:24%}.result th:nth-child(3){width:28%}
.result .interval-text{display:block}
}
@media print{body{background:#fff}section,.tile{break-inside:avoid}}
)css";

}  // namespace speedster::report
