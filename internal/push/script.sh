p=ovn-ct-trace-push/1
t= n=
say() { printf '%s %s\n' "$p" "$*"; }
clean() {
	[ -z "$t" ] || rm -rf "$t"
	[ -z "$n" ] || rm -f "$n"
	t= n=
}

# ours FILE: reports whether this user has made it
ours() { [ ! -h "$1" ] && [ -O "$1" ]; }

# intact: reports whether the program behind descriptor 3 has the wanted hash
intact() {
	[ "$sum" = sha256sum ] || return 0
	set -- $(sha256sum <&3)
	[ "$1" = "$hash" ]
}

run() {
	trap - EXIT HUP INT TERM PIPE
	say run
	if [ "$sum" = sha256sum ]; then
		exec /proc/self/fd/3 node stdio
	else
		exec /proc/self/fd/3 node stdio --sha256 "$hash"
	fi
}

unpack() { if [ "$pack" = gzip ]; then gzip -dc; else cat; fi; }

# receive: fills the file behind descriptor 4, and reads all that is sent
receive() {
	head -c "$size" | {
		unpack >&4
		r=$?
		cat >/dev/null
		exit $r
	}
}

# keep: leaves a copy of the program behind descriptor 3 in $k
keep() {
	mkdir -m 700 "$k" || { [ -d "$k" ] && ours "$k"; } || return
	n=$k/new.$nonce
	cat /proc/self/fd/3 >"$n" && chmod 700 "$n" && mv -f "$n" "$k/$hash" || return
	for o in "$k"/*; do
		[ "$o" = "$k/$hash" ] || rm -rf "$o"
	done
}

# try DIR: runs the program from a file in this folder, or returns why not in $why
try() {
	[ -d "$1" ] || { why="not there"; return; }
	k=$1/.ovn-ct-trace
	why=$(mkdir -m 700 "$k.$nonce" 2>&1) || return
	t=$k.$nonce
	f=$t/node
	# An empty file is a program that does nothing, where programs can be run.
	why=$({ true >"$f" && chmod 700 "$f" && "$f" <"$f"; } 2>&1) || {
		case $why in *"ermission denied"*) why="$why (mounted noexec?)" ;; esac
		clean
		return
	}
	if [ -d "$k" ] && ours "$k" && [ -f "$k/$hash" ] && ours "$k/$hash"; then
		{ if intact; then
			clean
			[ "$keep" = 1 ] || rm -rf "$k"
			say kept "$1"
			run
		fi; } 3<"$k/$hash"
	fi
	# From here on the file has no name: nothing is left of it, however this ends.
	exec 4>"$f" 3<"$f"
	clean
	fill "$1"
}

# holder: prints the process and the descriptor of a file in memory, which it holds for a time
holder() {
	if x=$(command -v perl); then
		perl -e '
			my %call = (x86_64 => 319, i686 => 356, aarch64 => 279, armv7l => 385, riscv64 => 279, ppc64le => 360, s390x => 350);
			my ($name, $call) = ("ovn-ct-trace", $call{$ARGV[0]});
			my $fd = defined $call ? syscall($call, $name, 0) : -1;
			exit 1 if $fd < 0;
			my $pid = fork;
			exit 1 if !defined $pid;
			if ($pid) { print "$pid $fd"; exit 0 }
			close STDIN; close STDOUT; close STDERR;
			sleep 60;' "$(uname -m)"
	elif x=$(command -v python3); then
		python3 -c '
import os, time
fd = os.memfd_create("ovn-ct-trace", 0)
pid = os.fork()
if pid:
    print(pid, fd)
else:
    os.close(0); os.close(1); os.close(2)
    time.sleep(60)'
	fi
}

# memory: runs the program from a file in memory, or returns why not in $why
memory() {
	set -- $(holder 2>&1)
	if [ $# != 2 ] || [ ! -w "/proc/$1/fd/$2" ]; then
		why="no perl or python3 that makes a file there"
		return
	fi
	exec 4>"/proc/$1/fd/$2" 3<"/proc/$1/fd/$2"
	kill "$1"
	fill memory
}

# fill PLACE: asks for the program, writes it to descriptor 4 and runs it from 3, or returns why not
# in $why
fill() {
	say place "$1"
	read -r size || exit 1
	why=$(receive 2>&1)
	r=$?
	exec 4>&-
	if [ $r = 0 ] && intact; then
		[ "$keep" = 0 ] || [ "$1" = memory ] || keep >/dev/null 2>&1
		clean
		run
	fi
	exec 3<&-
	why="${why:-what arrived is not what was sent}"
}

main() {
	umask 077
	export LC_ALL=C
	trap clean EXIT
	trap 'exit 1' HUP INT TERM PIPE
	for c in head mkdir chmod rm cat mv; do
		x=$(command -v $c) || { say failed "$c is not there"; exit 1; }
	done
	[ -e /proc/self/fd/0 ] || { say failed "/proc is not mounted there"; exit 1; }
	pack=plain sum=self
	x=$(command -v gzip) && pack=gzip
	x=$(command -v sha256sum) && sum=sha256sum
	say hello "$(uname -s)" "$(uname -m)" "$pack"
	read -r hash keep nonce || exit 1
	for d in /run /dev/shm /var/run /tmp /var/tmp "${HOME:-/root}"; do
		try "$d"
		say refused "$d: ${why##*: }"
	done
	memory
	say refused "memory: ${why##*: }"
	say failed "no place there"
	exit 1
}
main
