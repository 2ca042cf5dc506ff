// The agent's console.

import './styles.css';

import { create } from '../mirror/index.ts';
import { Link } from '../wire/link.ts';
import { run } from './run.tsx';

run({ connect: (options) => new Link(options), openMirror: create });
