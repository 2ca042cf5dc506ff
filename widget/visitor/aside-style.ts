// The sheet of the bar that the window leaves behind on a small screen. It stands
// above the keyboard where the browser says how much that covers (--view-bottom).

export const asideStyle = `
.aside{position:fixed;inset-inline:0;inset-block-end:var(--view-bottom,0);z-index:2;display:grid;grid-template-columns:minmax(0,1fr);gap:8px;max-inline-size:560px;margin-inline:auto;
padding:8px max(12px,env(safe-area-inset-right)) max(8px,env(safe-area-inset-bottom)) max(12px,env(safe-area-inset-left));
background:var(--surface);color:var(--ink);border-block-start:1px solid var(--line);border-radius:18px 18px 0 0;
box-shadow:0 -2px 18px var(--shadow);animation:rise .24s cubic-bezier(.2,.8,.2,1)}
.aside-row{display:flex;align-items:center;gap:8px}
.aside .who>b{display:block;font-size:15px;line-height:1.3;white-space:normal}
.aside button{flex:none;min-block-size:44px;min-inline-size:44px}
.aside-chat{position:relative;display:flex;align-items:center;gap:6px;padding:4px 12px 4px 10px;border:1px solid var(--edge);border-radius:13px;
background:var(--surface);color:inherit;font-weight:600;font-size:14px}
.aside-chat .icon{inline-size:20px;block-size:20px;color:var(--accent-ink)}
.aside-news{display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:2;overflow:hidden;padding:10px 14px;border:1px solid transparent;
border-radius:16px 16px 16px 5px;background:var(--raised);color:inherit;font-size:15px;line-height:1.4;text-align:start;overflow-wrap:anywhere}
@media(max-width:359.98px){.aside-chat span:not(.badge){position:absolute;inline-size:1px;block-size:1px;overflow:hidden;clip-path:inset(50%)}
.aside-chat{justify-content:center}}
@media(forced-colors:active){.aside,.aside-chat,.aside-news{border:1px solid ButtonBorder}}
`;
