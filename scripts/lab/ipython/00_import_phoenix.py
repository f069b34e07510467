"""Begin to import Phoenix as a kernel starts (see rag_tutorials.course.embedded.background)."""


def _begin() -> None:
    import threading

    def work() -> None:
        try:
            import rag_tutorials  # noqa: F401
        except ImportError:  # a kernel of another Python
            return
        for _ in range(3):
            try:
                from rag_tutorials.course.embedded import background
            except ImportError:  # the kernel imports meanwhile: what it has half made is whole soon
                continue
            background.import_phoenix()
            return

    threading.Thread(target=work, name="import-phoenix", daemon=True).start()


_begin()
del _begin
