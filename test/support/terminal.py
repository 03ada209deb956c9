"""Runs a program on a terminal of its own and plays a person at it. Reads what to do as JSON from stdin."""
import fcntl, json, os, pty, select, signal, struct, sys, termios, time

wanted = json.load(sys.stdin)
pid, terminal = pty.fork()
if pid == 0:
    size = struct.pack('HHHH', wanted['rows'], wanted['columns'], 0, 0)
    fcntl.ioctl(0, termios.TIOCSWINSZ, size)
    os.chdir(wanted['cwd'])
    os.execve(wanted['argv'][0], wanted['argv'], wanted['env'])

seen, steps, sent_at = b'', wanted['steps'], 0
deadline = time.monotonic() + 30
while time.monotonic() < deadline:
    if steps and steps[0][0].encode() in seen[sent_at:]:
        sent_at = seen.index(steps[0][0].encode(), sent_at) + len(steps[0][0].encode())
        typed = steps.pop(0)[1].encode()
        while typed:  # A terminal takes what it has room for.
            readable, writable, _ = select.select([terminal], [terminal], [])
            if readable:
                seen += os.read(terminal, 65536)
            if writable:
                typed = typed[os.write(terminal, typed[:1024]):]
        if not steps and wanted['signal'] == 'CLOSE':
            os.close(terminal)
            terminal = None
            break
        if not steps and wanted['signal']:
            os.kill(pid, getattr(signal, 'SIG' + wanted['signal']))
    if not select.select([terminal], [], [], 0.02)[0]:
        continue
    try:
        chunk = os.read(terminal, 65536)
    except OSError:  # EIO: the last process on it has gone.
        break
    if not chunk:
        break
    seen += chunk
else:
    os.kill(pid, signal.SIGKILL)
_, status = os.waitpid(pid, 0)
echoes = terminal is not None and bool(termios.tcgetattr(terminal)[3] & termios.ECHO)
shown = seen.decode('utf-8', 'replace')
json.dump({'exitCode': os.waitstatus_to_exitcode(status), 'shown': shown, 'echoes': echoes, 'left': len(steps)}, sys.stdout)
