# /// attack
# tries = "TCP, UDP, DNS, metadata addresses, unix sockets and the host's doors, by every family of sockets"
# base = "blank"
# docker = true
# ///
import socket

PLACES = [("127.0.0.1", 22), ("169.254.169.254", 80), ("8.8.8.8", 53), ("::1", 80), ("host.docker.internal", 2375)]
for family in range(46):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        try:
            one = socket.socket(family, kind)
        except OSError:
            continue
        print("WORKED socket", family, kind, flush=True)
        for place in (*PLACES, "@door@", "/var/run/docker.sock", b"\0abstract", (2, 1024)):
            try:
                one.settimeout(0.2)
                one.connect(place)
                print("WORKED connect", place, flush=True)
            except (OSError, TypeError, ValueError, OverflowError):
                pass
for name in ("example.org", "metadata.google.internal"):
    try:
        print("WORKED name", socket.getaddrinfo(name, 80), flush=True)
    except OSError:
        pass
