"""Where bytes are: files and archives, a log that grows, the kernel's own device, the binary journal.

Turns a path, a device or a journal into blocks of bytes, `Line`s or `Message`s.  What a line says is no business of
this package.  Nothing here touches the network unless it is given a URL.
"""
