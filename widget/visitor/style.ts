// The window's sheet. Logical properties throughout; colours come from
// palette(), so every text reaches AA whatever the site's colour is.

import { asideStyle } from './aside-style.ts';

/** Where the window covers the whole screen. */
export const sheetQuery = '(max-width: 479.98px), (max-height: 419.98px)';

export const panelStyle = `
.window{position:fixed;inset-block-end:20px;inset-inline-end:20px;display:flex;flex-direction:column;
inline-size:384px;max-inline-size:calc(100vw - 40px);block-size:min(640px,100vh - 40px);block-size:min(640px,100dvh - 40px);overflow:hidden;
background:var(--surface);color:var(--ink);border:1px solid var(--line);border-radius:22px 22px 6px 22px;
box-shadow:0 2px 6px var(--shadow),0 18px 48px var(--shadow);animation:rise .24s cubic-bezier(.2,.8,.2,1)}
.window[data-form]{block-size:auto;min-block-size:280px;max-block-size:min(640px,100vh - 40px);max-block-size:min(640px,100dvh - 40px)}
.at-start .window{inset-inline:20px auto;border-end-start-radius:6px;border-end-end-radius:22px}
:focus{outline:none}
:focus-visible{outline:3px solid var(--accent-ink);outline-offset:2px}
h2,h3,p,form{margin:0}
h2,h3{font:inherit;font-weight:650;letter-spacing:-.005em}
button,input,select,textarea{font:inherit;color:inherit;margin:0}
button{cursor:pointer}
.sr{position:absolute;inline-size:1px;block-size:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.head{display:flex;align-items:center;gap:4px;padding:12px 10px 12px 16px;border-block-end:1px solid var(--line)}
.face{flex:none;display:grid;place-items:center;inline-size:40px;block-size:40px;margin-inline-end:8px;
border-radius:14px 14px 4px 14px;background:var(--accent);color:var(--on-accent);font-weight:650;font-size:17px}
.who{flex:1;min-inline-size:0}
.who>*{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.who h2{font-size:16px;line-height:1.3}
.who h2:focus-visible{outline-offset:0;border-radius:4px}
.state{color:var(--muted);font-size:13px}
.state:empty{display:none}
.state[data-on]::before{content:"";display:inline-block;inline-size:8px;block-size:8px;margin-inline-end:6px;border-radius:50%;
background:var(--good);vertical-align:1px}
.tool{flex:none;display:grid;place-items:center;inline-size:36px;block-size:36px;padding:0;border:1px solid transparent;border-radius:10px;
background:none;color:var(--muted)}
.tool .icon{inline-size:21px;block-size:21px}
.tool:hover{background:var(--raised);color:var(--ink)}
.strip,.sharing{display:flex;align-items:center;gap:10px;padding:8px 16px;font-size:13px;background:var(--raised);border-block-end:1px solid var(--line)}
.strip>span:empty{display:none}
.strip[data-counts]>[role=status]{position:absolute;clip-path:inset(50%);inline-size:1px;block-size:1px;overflow:hidden}
.strip button,.sharing button{margin-inline-start:auto}
.sharing{display:none;background:var(--accent-soft)}
.may{display:block;font-size:12px;line-height:1.3;color:var(--muted)}
.may:empty{display:none}
.permit{position:fixed;inset-block-start:max(16px,env(safe-area-inset-top));inset-inline:0;margin-inline:auto;box-sizing:border-box;
inline-size:min(400px,100vw - 32px);padding:16px 18px;display:grid;gap:8px;background:var(--surface);color:var(--ink);
border:1px solid var(--line);border-radius:18px;box-shadow:0 2px 6px var(--shadow),0 18px 48px var(--shadow);z-index:3}
.permit[hidden]{display:none}
.permit p{color:var(--muted);font-size:14px}
.permit .row-of-two{margin-block-start:4px}
.fault{padding:10px 16px;font-size:14px;color:var(--danger);background:var(--raised)}
.fault:empty{display:none}
.main{flex:1;min-block-size:0;display:flex;flex-direction:column}
.form{flex:1;overflow-y:auto;overscroll-behavior:contain;padding:22px 20px 20px;display:flex;flex-direction:column;gap:14px}
.form h3{font-size:19px;line-height:1.25}
.lead,.thanks p,.queue p,.ask p{color:var(--muted)}
.lead{margin-block-start:-8px}
.lead[data-tone=free]::before,.lead[data-tone=busy]::before{content:"";display:inline-block;inline-size:9px;block-size:9px;
margin-inline-end:8px;border-radius:50%;background:var(--good)}
.lead[data-tone=busy]::before{background:none;border:2px solid var(--warn)}
.field{display:grid;gap:5px}
.field label{font-size:14px;font-weight:600}
input,select,textarea{inline-size:100%;min-block-size:44px;padding:10px 12px;border:1px solid var(--edge);border-radius:12px;
background:var(--surface);font-size:16px;line-height:1.35}
textarea{resize:none;display:block}
select{appearance:none;padding-inline-end:38px;background-image:linear-gradient(45deg,transparent 50%,currentColor 50%),
linear-gradient(-45deg,transparent 50%,currentColor 50%);background-size:6px 6px;background-repeat:no-repeat;
background-position:calc(100% - 20px) 55%,calc(100% - 14px) 55%}
option{background:var(--surface);color:var(--ink)}
:is(input,select,textarea):focus-visible{outline:2px solid var(--accent-ink);outline-offset:-1px;border-color:var(--accent-ink)}
[aria-invalid]{border-color:var(--danger)}
.error{color:var(--danger);font-size:13px}
.error:empty{display:none}
.primary,.secondary{min-block-size:46px;padding:10px 18px;border:1px solid transparent;border-radius:14px;font-weight:600}
.primary{background:var(--accent);color:var(--on-accent)}
.primary:hover{background:var(--accent-hover)}
.primary:disabled{opacity:.7;cursor:default}
.primary.danger{background:var(--danger);color:var(--surface)}
.secondary{background:var(--raised);border-color:var(--line)}
.secondary:hover{border-color:var(--edge)}
.plain{align-self:start;min-block-size:28px;padding:2px 0;border:0;background:none;color:var(--accent-ink);font-weight:600;font-size:14px;
text-decoration:underline;text-decoration-thickness:1px;text-underline-offset:3px}
.thanks{justify-content:center;text-align:center}
.thanks .done{align-self:center;display:grid;place-items:center;inline-size:64px;block-size:64px;border-radius:22px 22px 6px 22px;
background:var(--accent-soft);color:var(--accent-ink)}
.thanks .done .icon{inline-size:32px;block-size:32px}
.talk{flex:1;min-block-size:0;display:flex;flex-direction:column}
.queue{padding:14px 16px;background:var(--accent-soft);border-block-end:1px solid var(--line);display:grid;gap:4px;font-size:14px}
.queue .plain{justify-self:start}
.queue .place{color:var(--accent-ink);font-size:16px;font-weight:650}
.history{flex:1;min-block-size:0;position:relative;display:flex}
.log{flex:1;overflow-y:auto;overscroll-behavior:contain;padding:14px 16px;display:flex;flex-direction:column}
.log:focus-visible{outline-offset:-3px}
.log>:first-child{margin-block-start:auto}
.row{display:grid;justify-items:start;padding-block-start:3px}
.row[data-first]{padding-block-start:12px}
.row.mine{justify-items:end}
.name{font-size:12.5px;color:var(--muted);margin-inline-start:2px;margin-block-end:3px}
.bubble{max-inline-size:86%;padding:8px 13px;border-radius:18px;background:var(--raised);overflow-wrap:anywhere;white-space:pre-wrap;unicode-bidi:plaintext}
.theirs[data-last] .bubble{border-end-start-radius:5px}
.mine .bubble{background:var(--accent);color:var(--on-accent)}
.mine[data-last] .bubble{border-end-end-radius:5px}
.bubble a{color:var(--accent-ink);text-underline-offset:2px}
.mine .bubble a{color:inherit}
.card{display:grid;gap:2px;min-inline-size:180px}
.card small{color:var(--muted);font-size:12.5px}
.bubble .open{justify-self:start;margin-block:6px 3px;padding:6px 16px;border-radius:12px;background:var(--accent);color:var(--on-accent);font-weight:600;text-decoration:none}
.meta{display:flex;align-items:center;gap:5px;padding:2px 4px 0;color:var(--muted);font-size:12px;font-variant-numeric:tabular-nums}
.row:not([data-last]) .meta{position:absolute;inline-size:1px;block-size:1px;overflow:hidden;clip-path:inset(50%)}
.tick{display:inline-flex;align-items:center;gap:4px}
.tick .icon{inline-size:16px;block-size:16px;stroke-width:2}
.tick[data-tick=read]{color:var(--accent-ink)}
.tick[data-tick=read] .icon{stroke-width:2.6}
.tick[data-tick=not_saved]{color:var(--danger)}
.meta .plain{font-size:12px;min-block-size:24px}
.day,.said{justify-self:center;text-align:center;color:var(--muted);font-size:12.5px}
.day{padding-block:10px 4px;font-weight:600}
.event{padding-block:8px 2px}
.typing{align-self:start;margin-block-start:8px;padding:12px 14px;border-radius:18px 18px 18px 5px;background:var(--raised)}
.dots{display:flex;gap:4px}
.dots i{inline-size:6px;block-size:6px;border-radius:50%;background:var(--muted);animation:wave 1.2s infinite}
.dots i:nth-child(2){animation-delay:.15s}
.dots i:nth-child(3){animation-delay:.3s}
@keyframes wave{0%,60%,100%{transform:none;opacity:.55}30%{transform:translateY(-3px);opacity:1}}
.jump{position:absolute;inset-block-end:8px;inset-inline:0;margin-inline:auto;inline-size:fit-content;display:flex;align-items:center;gap:6px;
min-block-size:32px;padding:4px 12px 4px 8px;border:1px solid var(--line);border-radius:16px;background:var(--surface);font-size:13px;font-weight:600;
box-shadow:0 2px 10px var(--shadow)}
.jump .icon{inline-size:18px;block-size:18px}
.ask{margin:0 12px 12px;padding:14px;border:1px solid var(--line);border-radius:18px 18px 5px 18px;background:var(--accent-soft);display:grid;gap:8px;
font-size:14px;animation:rise .24s}
.ask h3{font-size:15px}
.also{display:flex;gap:10px;align-items:center;min-block-size:32px;cursor:pointer}
.also input{inline-size:20px;block-size:20px;min-block-size:0;padding:0;flex:none;accent-color:var(--accent)}
.row-of-two{display:flex;flex-wrap:wrap;gap:8px;padding-block-start:4px}
.row-of-two>*{flex:1;min-block-size:44px;padding:6px 14px;border-radius:12px}
.row-of-two .secondary{background:var(--surface)}
.write{display:flex;align-items:end;gap:8px;padding:10px 12px 12px;border-block-start:1px solid var(--line)}
.write textarea{flex:1;min-block-size:44px;max-block-size:150px;border-radius:16px}
.send{flex:none;display:grid;place-items:center;inline-size:44px;block-size:44px;padding:0;border:1px solid transparent;border-radius:16px 16px 5px 16px;
background:var(--raised);color:var(--muted)}
.send[data-ready]{background:var(--accent);color:var(--on-accent)}
.over{display:grid;gap:10px;padding:14px 16px 16px;border-block-start:1px solid var(--line);text-align:center;color:var(--muted);font-size:14px}
.mark{position:fixed;inset:0;border:3px solid var(--accent);outline:1px solid var(--surface);outline-offset:-4px;pointer-events:none}
.pill{position:fixed;inset-block-end:calc(20px + env(safe-area-inset-bottom));inset-inline-start:20px;display:flex;align-items:center;gap:8px;
max-inline-size:calc(100vw - 40px);padding:5px 6px 5px 14px;border:1px solid var(--line);border-radius:18px 18px 18px 5px;background:var(--surface);color:var(--ink);
font-size:14px;font-weight:600;box-shadow:0 4px 18px var(--shadow);pointer-events:auto}
.at-start .pill{inset-inline:auto 20px;border-radius:18px 18px 5px 18px}
.pill .icon,.sharing .icon{inline-size:20px;block-size:20px;color:var(--accent-ink)}
.stop{min-block-size:34px;padding:4px 14px;border:1px solid transparent;border-radius:13px;background:var(--accent);color:var(--on-accent);font-weight:600;font-size:14px}
.stop:hover{background:var(--accent-hover)}
.see{flex:none;min-block-size:34px;padding:4px 8px;border:0;background:none;color:var(--accent-ink);font-weight:600;font-size:14px;
text-decoration:underline;text-decoration-thickness:1px;text-underline-offset:3px}
${asideStyle}
@media ${sheetQuery}{
.window,.window[data-form],.at-start .window{inset:var(--view-top,0) 0 auto 0;inline-size:100vw;max-inline-size:none;block-size:var(--view-height,100dvh);max-block-size:none;border:0;border-radius:0;
padding:env(safe-area-inset-top) env(safe-area-inset-right) env(safe-area-inset-bottom) env(safe-area-inset-left)}
.tool{inline-size:44px;block-size:44px}
.head{padding-inline:14px 6px;gap:0}
.sharing{display:flex}
.sharing button{min-block-size:44px}
.sharing .see+.stop{margin-inline-start:0}
.mark[data-under],.mark[data-aside] .pill{display:none}
.pill,.at-start .pill{inset-inline:12px auto;inset-block-end:calc(84px + env(safe-area-inset-bottom))}
}
@media(max-width:359.98px){.face{display:none}.form{padding-inline:16px}}
@media(forced-colors:active){.primary,.secondary,.send,.tool,.stop,.bubble,.face,.pill,.dots i{border:1px solid ButtonBorder}
.state[data-on]::before,.lead::before,.dots i{forced-color-adjust:none}}
`;
