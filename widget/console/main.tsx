// The agent's console.

import './styles.css';

import { effect } from '@preact/signals';
import { create } from '../mirror/index.ts';
import { Link } from '../wire/link.ts';
import { KeptMirrors, mirrorOf } from './kept.ts';
import { run } from './run.tsx';

const kept = new KeptMirrors();
const store = run({
  connect: (options) => new Link(options),
  openMirror: (container, options) => create(container, { ...options, ...kept.instead(options.src) }),
});
effect(() => {
  if (store.me.value) kept.keep(store.me.value.sites.map(({ id }) => mirrorOf(id)));
  else if (store.phase.value === 'out') kept.keep([]);
});
