"""Every file is scanned before anybody sees it: plain ones on the way out, encrypted ones with the key that the reader's client gives.

What cannot be scanned is not given out (fail closed). The routes are those that deployed clients speak: docs of Element's
content scanner, base path `/_matrix/media_proxy/unstable`.
"""
