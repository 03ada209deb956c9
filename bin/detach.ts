/** The flusher's first act, before the rest of it is loaded: no lock and no pipe of a script is held any longer. */
import { closeInheritedDescriptors } from '../src/infra/os/descriptors.ts';

closeInheritedDescriptors();
