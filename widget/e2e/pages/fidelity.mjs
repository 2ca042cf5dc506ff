// The cases of fidelity.test.mjs: one small page each, and what happens on it.
// { name, html, options?, context?, media?, before?, tell?, step?, facts?, pixels?, todo? }
// facts: runs on both sides, with the document; without it, pixels are compared.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { transform } from 'esbuild';

const png = 'iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR4nGP4z8AARAwQCgAf7gP9i18U1AAAAABJRU5ErkJggg==';
const font = execFileSync('fc-match', ['-f', '%{file}', 'Liberation Mono:bold']);
const svg = (color) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="120" height="80"><symbol id="s" viewBox="0 0 10 10"><circle cx="5" cy="5" r="5" fill="teal"/></symbol><rect width="120" height="80" fill="${color}"/></svg>`;

export const files = {
  '/dot.png': ['image/png', Buffer.from(png, 'base64')],
  '/mine.svg': ['image/svg+xml', svg('purple'), { 'Cache-Control': 'private, max-age=60' }, 'in=1'],
  '/mine2.svg': ['image/svg+xml', svg('orange'), { 'Cache-Control': 'no-store' }, 'in=1'],
  '/red.svg': ['image/svg+xml', svg('red')],
  '/blue.svg': ['image/svg+xml', svg('blue')],
  '/a/green.svg': ['image/svg+xml', svg('green')],
  '/sprite.svg': [
    'image/svg+xml',
    `<svg xmlns="http://www.w3.org/2000/svg"><style>.thick{stroke-width:3;stroke:currentColor;fill:none}</style><defs><linearGradient id="g"><stop stop-color="red"/><stop offset="1" stop-color="gold"/></linearGradient><path id="wheel" d="M4 18h6v6h-6z"/></defs>
<symbol id="cart" viewBox="0 0 24 24"><path class="thick" d="M2 3h4l3 11h11l2-8H7"/><use href="#wheel" fill="currentColor"/><use href="#wheel" x="8"/></symbol><symbol id="star" viewBox="0 0 24 24"><path fill="url(#g)" d="M12 2l3 7h7l-6 5 2 8-6-5-6 5 2-8-6-5h7z"/></symbol></svg>`,
  ],
  '/font.ttf': ['font/ttf', readFileSync(font)],
  '/open.ttf': ['font/ttf', readFileSync(font), { 'Access-Control-Allow-Origin': '*' }],
  '/large.ttf': ['font/ttf', Buffer.concat([readFileSync(font), Buffer.alloc(100_000)])],
  '/tone.wav': ['audio/wav', tone()],
  '/css/main.css': ['text/css', '@import "deep.css" (min-width:500px);@import url("never.css") print;p{padding:9px}'],
  '/css/deep.css': ['text/css', 'p{background:url(../blue.svg);color:white;font-size:30px}'],
  '/css/never.css': ['text/css', 'p{display:none}'],
  '/font.css': ['text/css', '@font-face{font-family:Zed;src:url(font.ttf)}p{font:40px Zed,serif}'],
  '/dark.css': ['text/css', '@media (prefers-color-scheme:dark){body{background:#123;color:#fed}}'],
};

/** Two seconds of silence as a WAV file. */
function tone() {
  const rate = 8000;
  const wav = Buffer.alloc(44 + rate * 2, 128);
  wav.write('RIFF', 0);
  wav.writeUInt32LE(wav.length - 8, 4);
  wav.write('WAVEfmt ', 8);
  for (const [at, n] of [
    [16, 16],
    [24, rate],
    [28, rate],
    [40, rate * 2],
  ])
    wav.writeUInt32LE(n, at); // prettier-ignore
  for (const [at, n] of [
    [20, 1],
    [22, 1],
    [32, 1],
    [34, 8],
  ])
    wav.writeUInt16LE(n, at); // prettier-ignore
  wav.write('data', 36);
  return wav;
}

const media = await transform(readFileSync(new URL('../../mirror/media.ts', import.meta.url), 'utf8'), {
  loader: 'ts',
});
const { questions } = await import(`data:text/javascript,${encodeURIComponent(media.code)}`);

/** A message of the visitor's answers to media queries, beside the version that the mirror has. */
async function answers(visitor, { version }) {
  const numbers = await visitor.evaluate((list) => {
    const bits = list.reduce((sum, query, i) => sum + (matchMedia(query).matches ? 2 ** i : 0), 0);
    return [innerWidth, innerHeight, 0, 100, Math.round(devicePixelRatio * 100), bits];
  }, Object.values(questions));
  return viewportMessage(version, numbers, 1);
}

/** A message of nothing but the viewport, in base64, that leaves the version as it is. */
export function viewportMessage(version, numbers, k = 0) {
  const message = [4, ...leb(version), ...leb(version), 2 | (k << 5), ...numbers.flatMap(leb)];
  return Buffer.from(message).toString('base64');
}

const leb = (n) => (n < 128 ? [n] : [(n % 128) | 128, ...leb(Math.floor(n / 128))]);

const run = (script) => (visitor) => visitor.evaluate(`(async()=>{${script}})()`);
const wait = (ms) => `await new Promise(r=>setTimeout(r,${ms}));`;

/** Records half a second of blue and green, and gives it to the video `v`. */
const film = `const k=document.createElement('canvas');k.width=200;k.height=100;const g=k.getContext('2d');const m=new MediaRecorder(k.captureStream(25));const parts=[];m.ondataavailable=e=>parts.push(e.data);m.start();
for(let i=0;i<12;i++){g.fillStyle=i<4?'blue':'green';g.fillRect(0,0,200,100);${wait(40)}}
m.stop();await new Promise(r=>{m.onstop=r});v.muted=true;v.src=URL.createObjectURL(new Blob(parts));`;

const preferring = `<meta name="color-scheme" content="light dark"><link rel="stylesheet" href="/dark.css">
<style>body{font:20px sans-serif}p{padding:9px;border:5px solid light-dark(green,gold)}
@media(prefers-reduced-motion:reduce){p{letter-spacing:3px}}@media (prefers-contrast:more){p{font-weight:bold}}
@media(hover:none){h1{color:red}}@media(pointer:fine){h1{font-style:italic}}@media (min-resolution:1.5dppx){h1{text-decoration:underline}}
@layer x{@media not (prefers-color-scheme:dark){i{font-size:40px}}}</style>
<style media="(prefers-color-scheme:dark)">b{background:purple}</style>
<h1>Heading</h1><p>one <b>two</b> <i>three</i> <input value="field"> <button>Button</button></p>
<picture><source media="(prefers-color-scheme: dark)" srcset="/blue.svg"><img src="/red.svg"></picture>`;

/** Colours and the like of some elements. */
const looks = `(doc) => ['html', 'body', 'h1', 'p', 'b', 'i', 'input'].map((name) => {
  const s = doc.defaultView.getComputedStyle(doc.querySelector(name));
  return [name, s.color, s.backgroundColor, s.borderTopColor, s.fontStyle, s.fontSize, s.letterSpacing, s.textDecorationLine].join(' ');
})`;

export const cases = [
  {
    name: 'a visitor who prefers dark, reduced motion and more contrast',
    html: preferring,
    media: { colorScheme: 'dark', reducedMotion: 'reduce', contrast: 'more' },
    tell: answers,
    step: (visitor) => visitor.emulateMedia({ colorScheme: 'light', reducedMotion: 'no-preference', contrast: null }),
  },
  {
    name: 'the same, told by the capture itself',
    html: preferring,
    media: { colorScheme: 'dark', reducedMotion: 'reduce', contrast: 'more' },
    step: (visitor) => visitor.emulateMedia({ colorScheme: 'light', reducedMotion: 'no-preference', contrast: null }),
  },
  {
    name: "a phone's pointer and resolution",
    html: preferring,
    context: { isMobile: true, hasTouch: true, deviceScaleFactor: 2, colorScheme: 'dark' },
    tell: answers,
    facts: looks,
  },
  {
    name: 'a dark page and its canvas, where the console is dark too',
    html: '<style>:root{color-scheme:dark light}</style><p>text <input value="x"> <textarea></textarea></p>',
    media: { colorScheme: 'dark' },
    tell: async (visitor, mirror) => {
      await mirror.page.evaluate("document.documentElement.style.colorScheme='dark'");
      return answers(visitor, mirror);
    },
  },
  {
    name: 'media and container queries while the window changes its size',
    html: `<style>.box{container-type:inline-size;resize:horizontal}@container (width<450px){.box p{background:gold}}
@media (width>600px){p{font-size:30px}}@media (orientation:portrait){p{color:red}}@media (max-aspect-ratio:1){p{padding:2em}}</style>
<div class="box"><p>contained</p></div><p style="width:50vw">half <span style="font-size:5vh">high</span></p>`,
    step: (visitor) => visitor.setViewportSize({ width: 400, height: 600 }),
    facts: `(doc) => [...doc.querySelectorAll('p,span')].map((p) => { const s = doc.defaultView.getComputedStyle(p); return [s.color, s.backgroundColor, s.fontSize, s.width, s.padding].join(' ') })`,
  },
  {
    name: '@import in a sheet of the site, with conditions',
    html: '<link rel="stylesheet" href="/css/main.css"><p>imported</p>',
    step: run(
      `const s=document.createElement('style');s.textContent='@import "/css/deep.css" layer(x);i{color:red}';document.head.append(s);document.body.innerHTML='<p>one <i>two</i>';${wait(300)}`,
    ),
  },
  {
    name: '@font-face of a sheet, where the mirror may not load it',
    html: '<link rel="stylesheet" href="/font.css"><p>Font by content 123</p>',
    before: run('await document.fonts.ready;'),
  },
  {
    name: '@font-face whose font loads when it is first used, behind one that does not exist',
    html: '<style>@font-face{font-family:Zed;font-weight:700;src:url(/none.eot);src:url("/none.woff2") format("woff2"),url(/font.ttf?v=3#x)}p{font:40px Zed,serif}</style><p>Font 123</p>',
    step: run(`document.querySelector('p').style.fontWeight='bold';await document.fonts.ready;${wait(300)}`),
  },
  {
    name: '@font-face in a frame',
    html: `<iframe width="600" height="200" srcdoc="<link rel=stylesheet href=/font.css><p>Font 123</p>"></iframe>`,
    before: run('await frames[0].document.fonts.ready;'),
  },
  {
    name: '@font-face of a style element and FontFace by address',
    html: '<style>@font-face{font-family:Zed;src:url(/font.ttf)}p{font:40px Zed,serif}</style><p>Font 123</p><div style="font:40px Why,serif">Font 456</div>',
    before: run('await document.fonts.ready;'),
    step: run("const f=new FontFace('Why','url(/font.ttf)',{weight:'100 900'});document.fonts.add(f);await f.load();"),
  },
  {
    name: ':placeholder-shown, as it is typed and emptied',
    html: '<style>input:placeholder-shown{border:4px solid red}label:has(:placeholder-shown) b{display:none}::placeholder{color:green}</style><label><input id="a" placeholder="Type here"> <b>filled</b></label><textarea id="t" placeholder="more"></textarea>',
    step: run("a.value='x';t.value='y';a.value='';"),
  },
  {
    name: 'a masked field that is empty looks empty',
    html: '<style>body{font:20px sans-serif}</style><input data-kohe-mask id="a" placeholder="Name on the card"><input type="password" placeholder="Password"><textarea data-kohe-mask placeholder="Notes"></textarea>',
    facts: `(doc) => [...doc.querySelectorAll('input,textarea')].map((e) => [e.value, e.matches(':placeholder-shown'), doc.defaultView.getComputedStyle(e, '::placeholder').color, /[\u2022]/.test(e.placeholder)])`,
  },
  {
    name: 'details in a group, and what is hidden until found',
    html: '<details name="g" id="a" open><summary>A</summary>first</details><details name="g" id="b"><summary>B</summary>second</details><div hidden="until-found" id="h">found</div><style>details::details-content{background:#def}[open]>summary{color:red}</style>',
    step: run("b.open=true;h.removeAttribute('hidden');"),
  },
  {
    name: 'a modal dialog over another, and one that is not modal',
    html: '<style>dialog{padding:40px}#b::backdrop{background:#0f03}</style><p>behind</p><dialog id="a">first</dialog><dialog id="b">second</dialog><dialog id="c" style="margin:0">third</dialog><script>b.showModal();a.showModal();c.show()</script>',
    step: run('a.close();c.close();c.showModal();'),
  },
  {
    name: 'a modal dialog over another, opened while the mirror looks on',
    html: '<style>dialog{padding:40px}#b::backdrop{background:#0f03}</style><p>behind</p><dialog id="a">first</dialog><dialog id="b">second</dialog>',
    step: run('b.showModal();a.showModal();'),
  },
  {
    name: 'popovers in the order in which they were opened',
    html: '<style>[popover]{inset:auto;margin:0;padding:60px;border:0}#a{left:20px;top:20px;background:red}#b{left:60px;top:60px;background:gold}#c{left:100px;top:30px;background:blue}</style><div id="a" popover="manual">a</div><div id="b" popover="manual">b</div><div id="c" popover="manual">c</div>',
    before: run('c.showPopover();a.showPopover();'),
    step: run('b.showPopover();await 0;c.hidePopover();c.showPopover();'),
  },
  {
    name: 'sticky heads in a scroller',
    html: `<div id="s" style="height:300px;width:300px;overflow:auto">${[1, 2, 3].map((n) => `<h3 style="position:sticky;top:0;bottom:0;background:#dde">head ${n}</h3><div style="height:200px;background:linear-gradient(#fff,#999)">x</div>`).join('')}</div>`,
    step: run('s.scrollTop=260;'),
  },
  {
    name: 'zoom by CSS',
    html: '<div id="a" style="zoom:1.5;width:200px;background:#dfd">one <input value="x"></div><div id="b" style="zoom:80%">two</div>',
    step: run("document.body.style.zoom='1.25';b.style.zoom=2;"),
  },
  {
    name: 'a textarea that is dragged to another size',
    html: '<textarea id="t" style="width:200px;height:100px">text</textarea><p>below</p>',
    async step(visitor) {
      const { x, y, width, height } = await visitor.locator('#t').boundingBox();
      await visitor.mouse.move(x + width - 4, y + height - 4);
      await visitor.mouse.down();
      await visitor.mouse.move(x + width + 100, y + height + 60, { steps: 4 });
      await visitor.mouse.up();
      await visitor.mouse.move(700, 500);
      await visitor.mouse.click(700, 500);
    },
  },
  {
    name: 'images behind a sign-in that the site names, as they come, change and go',
    html: `<script>document.cookie='in=1'</script><img class="mine" id="a" src="/mine.svg" srcset="/mine.svg 1x, /mine2.svg 2x"><picture><source srcset="/mine.svg" media="(width>1px)"><img class="mine" src="/mine.svg"></picture>
<img id="b" class="mine" alt="none" src="/missing.png"><img src="/red.svg"><svg width="120" height="80"><image class="mine" href="/mine.svg"/></svg>`,
    options: { images: ['.mine'] },
    before: run(wait(200)),
    step: run(`a.removeAttribute('srcset');a.className='';a.src='/mine2.svg';b.src='/mine.svg';${wait(300)}b.src='/red.svg';${wait(300)}
const i=new Image();i.className='mine';i.src='/mine2.svg';document.body.append(i);b.removeAttribute('src');${wait(300)}`),
  },
  {
    name: 'SVG use of a file, where the mirror may not load it',
    html: `<style>path{fill:lime}.icon{color:teal;width:100px;height:100px}</style><svg class="icon"><use id="a" href="/sprite.svg#cart"/></svg>
<svg class="icon"><use id="b" xlink:href="sprite.svg#star"/></svg><svg class="icon"><use id="c" href="/sprite.svg#none"/></svg><svg class="icon"><use href="#b"/></svg>`,
    step: run(`${wait(200)}a.setAttribute('href','/sprite.svg#star');b.remove();c.href.baseVal='/sprite.svg#cart';
document.body.insertAdjacentHTML('beforeend','<svg class="icon" style="color:navy"><use href="/sprite.svg#cart"/></svg>');${wait(300)}`),
  },
  {
    name: 'SVG use of what comes later, gradients, clips and text',
    html: '<svg id="s" width="300" height="200"><use href="#late" x="10"/><rect width="90" height="90" fill="url(#g)" clip-path="url(#k)"/><text x="100" y="50">text <tspan fill="red">span</tspan></text></svg>',
    step: run(
      `s.insertAdjacentHTML('beforeend','<defs><circle id="late" r="30" cx="200" cy="90" fill="teal"/><linearGradient id="g"><stop stop-color="red"/><stop offset="1" stop-color="blue"/></linearGradient><clipPath id="k"><circle r="40" cx="45" cy="45"/></clipPath></defs>');`,
    ),
  },
  {
    name: 'MathML with attributes and a table',
    html: '<math display="block" id="m"><msqrt><mi>x</mi></msqrt><mtable><mtr><mtd><mn>1</mn></mtd><mtd><mn>2</mn></mtd></mtr></mtable></math>',
    step: run("m.setAttribute('mathsize','200%');m.querySelector('mn').setAttribute('mathcolor','red');"),
  },
  {
    name: 'picture sources by the width of the window',
    html: '<picture><source media="(min-width:700px)" srcset="/red.svg"><source media="(max-width:300px)" srcset="/dot.png"><img src="/blue.svg"></picture><img id="i" srcset="/red.svg 100w, /blue.svg 900w" sizes="(min-width:700px) 850px, 90px">',
    step: (visitor) => visitor.setViewportSize({ width: 600, height: 600 }),
    facts: '(doc) => [...doc.images].map((i) => [new URL(i.currentSrc).pathname, i.complete])',
  },
  {
    name: 'where a sound is, and that it is muted',
    html: '<audio id="a" controls src="/tone.wav"></audio>',
    step: run('a.muted=true;a.currentTime=1.5;a.playbackRate=2;await new Promise(r=>{a.onseeked=r});'),
    facts: "(doc) => { const a = doc.querySelector('audio'); return [a.muted, a.currentTime, a.paused] }",
  },
  {
    name: 'the picture that a video shows',
    html: '<video id="v" width="200" height="100"></video>',
    before: run(`${film}await v.play();await new Promise(r=>{v.onended=r});`),
    options: { canvas: true },
  },
  {
    name: 'a video that has loaded shows its poster until it plays',
    html: '<video id="v" width="200" height="100" poster="/red.svg"></video>',
    before: run(`${film}await new Promise(r=>{v.onloadeddata=r});${wait(100)}`),
    step: run('await v.play();await new Promise(r=>{v.onended=r});'),
    options: { canvas: true },
  },
  {
    name: 'WebGL that keeps no buffer',
    html: '<canvas id="k" width="200" height="150"></canvas>',
    options: { canvas: true },
    step: run(
      `const g=k.getContext('webgl');if(g)await new Promise(done=>{let n=0;const draw=()=>{g.clearColor(0,n/20,.2,1);g.clear(g.COLOR_BUFFER_BIT);n++<10?requestAnimationFrame(draw):done()};draw()});${wait(300)}`,
    ),
  },
  {
    name: 'transitions that begin with a style of their own, and that turn back',
    html: '<style>div{width:80px;height:80px;transition:.15s;transition-behavior:allow-discrete}#a{background:red}#a.on{background:green;translate:200px}#b{background:gold;display:none;opacity:0}#b.on{display:block;opacity:1;@starting-style{opacity:0}}</style><div id="a"></div><div id="b"></div>',
    step: run(`a.className='on';${wait(60)}a.className='';b.className='on';${wait(400)}`),
  },
  {
    name: 'history: forward, back, and another document',
    html: '<h1 id="h">first</h1><script>onpopstate=()=>{h.textContent="back"}</script>',
    step: run(
      `history.pushState(0,'','?second');h.textContent='second';document.title='Second';${wait(50)}history.back();${wait(100)}`,
    ),
    facts: '(doc) => doc.querySelector("h1").textContent',
  },
  {
    name: 'a base that comes late, and addresses after it',
    html: '<!doctype html><html><head><title>Base</title></head><body><img src="red.svg"><p id="p"></p></body></html>',
    step: run(
      `const b=document.createElement('base');b.href='/a/';document.head.append(b);p.innerHTML='<img src="green.svg"><a href="x">link</a>';p.style.background='url(green.svg)';${wait(200)}`,
    ),
    facts: '(doc) => [...doc.images].slice(1).map((i) => [new URL(i.src).pathname, i.naturalWidth])',
    pixels: true,
  },
  {
    name: 'a page from right to left, scrolled',
    html: '<!doctype html><html dir="rtl" lang="he"><body><h1>שלום world</h1><ul><li>אחת<li>two (2)</ul><div style="width:2000px;background:linear-gradient(90deg,red,blue)">wide</div><p dir="auto" id="p">x</p><bdo dir="ltr">abc</bdo></body></html>',
    step: run("scrollTo(-300,0);p.textContent='שלום, 123!';"),
    facts:
      '(doc) => [doc.scrollingElement.scrollLeft, ...[...doc.body.children].map((e) => e.getBoundingClientRect().left)]', // pictures of such pages are taken at another place
  },
  {
    name: 'emoji that are cut and joined',
    html: '<p id="p" style="font-size:40px">👩‍👩‍👧 🇪🇪 👍🏽</p><input id="i" value="😀">',
    step: run(
      "const t=p.firstChild;t.insertData(1,'\\ud83d');t.deleteData(1,1);t.replaceData(0,2,'👨');t.appendData('\\ud83d');t.appendData('\\ude00');i.value='😀😎';",
    ),
  },
  {
    name: 'blob: and data: pictures in every place',
    html: '<img id="a" width="60" height="60"><svg width="60" height="60"><image id="b" width="60" height="60"/></svg><input type="image" id="c" width="60" height="60"><video id="d" width="60" height="60"></video><picture><source id="e"><img width="60" height="60"></picture><div id="f" style="border:20px solid;width:30px;height:30px"></div><ul><li id="g">item</ul>',
    step: run(`const blob=await(await fetch('/blue.svg')).blob();const u=()=>URL.createObjectURL(blob);
a.src=u();b.setAttribute('href',u());c.src=u();d.poster=u();e.srcset=u();f.style.borderImage='url('+u()+') 20';g.style.listStyleImage='url("data:image/svg+xml,<svg xmlns=%22http://www.w3.org/2000/svg%22 width=%2210%22 height=%2210%22><rect width=%2210%22 height=%2210%22 fill=%22red%22/></svg>")';${wait(400)}URL.revokeObjectURL(a.src);`),
  },
  {
    name: 'a form whose fields have the names of what the DOM is asked',
    html: `<form id="f" style="border:1px solid"><i>text</i>${'nodeType nodeName localName parentNode childNodes firstChild nextSibling attributes setAttribute getAttribute removeAttribute contains insertBefore appendChild isConnected ownerDocument shadowRoot matches closest style scrollTop id'
      .split(' ')
      .map((name) => `<input name="${name}" value="${name}">`)
      .join('')}</form><img name="documentElement" src="/dot.png"><img name="createElement" src="/dot.png">`,
    step: run(
      "const f=document.querySelector('form');Element.prototype.setAttribute.call(f,'title','x');const b=document.createTextNode('more');Node.prototype.appendChild.call(f,b);Node.prototype.insertBefore.call(f,document.querySelector('img'),null);document.querySelector('i').textContent='changed';f.elements.style.value='typed';",
    ),
    facts: '(doc) => [...doc.querySelectorAll("input,i,img")].map((e) => [e.name, e.value, e.textContent])',
    pixels: true,
  },
];
