# GStreamer's RTSP server with one camera: python3 gstreamer-server.py FILE.mp4. Sends the file's H.264 at /cam-1, over
# and over, without encoding it again. Prints its port as one line; ends with its standard input.
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstApp, GstRtspServer  # noqa: E402, F401


def access_units(path):
    """What GStreamer makes of the file: its caps, and its access units with their times."""
    pipeline = Gst.parse_launch(
        f"filesrc location={path} ! qtdemux ! h264parse config-interval=-1 "
        "! video/x-h264,stream-format=byte-stream,alignment=au ! appsink name=units sync=false"
    )
    sink = pipeline.get_by_name("units")
    pipeline.set_state(Gst.State.PLAYING)
    caps, units = None, []
    while (sample := sink.pull_sample()) is not None:
        caps = sample.get_caps()
        buffer = sample.get_buffer()
        units.append((buffer.pts, buffer.extract_dup(0, buffer.get_size())))
    pipeline.set_state(Gst.State.NULL)
    if len(units) < 2:
        sys.exit(f"no H.264 in {path}")
    return caps, units


def feed(source, units):
    """Gives `source` a unit whenever it asks; times go on from one turn of the file to the next."""
    first, last = units[0][0], units[-1][0]
    # The last unit's duration is unknown: it lasts as long as the one before it.
    turn_ns = last - first + (last - units[-2][0])
    sent = 0

    def on_need_data(_source, _bytes):
        nonlocal sent
        turn, index = divmod(sent, len(units))
        pts, unit = units[index]
        buffer = Gst.Buffer.new_wrapped(unit)
        buffer.pts = pts - first + turn * turn_ns
        source.push_buffer(buffer)
        sent += 1

    source.connect("need-data", on_need_data)


def main():
    Gst.init(None)
    caps, units = access_units(sys.argv[1])
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_shared(True)  # Every client sees the same packets, as from a camera.
    factory.set_launch(
        "( appsrc name=units format=time is-live=true max-buffers=4 ! rtph264pay name=pay0 pt=96 )"
    )

    def on_configure(_factory, media):
        source = media.get_element().get_by_name_recurse_up("units")
        source.set_caps(caps)
        feed(source, units)

    factory.connect("media-configure", on_configure)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    server.get_mount_points().add_factory("/cam-1", factory)
    if server.attach(None) == 0:
        sys.exit("cannot listen")
    print(server.get_bound_port(), flush=True)
    loop = GLib.MainLoop()
    threading.Thread(
        target=lambda: (sys.stdin.read(), GLib.idle_add(loop.quit)), daemon=True
    ).start()
    loop.run()


main()
