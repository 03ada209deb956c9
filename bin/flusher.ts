import './detach.ts';
import { requireKept } from './kept-code.ts';

const file = import.meta.filename;
if (file.endsWith('.js')) requireKept(file, 'flush.js');
else void import('./flush.ts');
