"""Begin to import Phoenix as a kernel starts (see rag_tutorials.course.embedded.background)."""


def _begin() -> None:
    import threading

    def work() -> None:
        try:
            from rag_tutorials.course.embedded import background
        except ImportError:  # a kernel of another Python
            return
        background.import_phoenix()

    threading.Thread(target=work, name="import-phoenix", daemon=True).start()


_begin()
del _begin
