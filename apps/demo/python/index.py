"""A search index that lives in a worker between calls: definitions of Python files, ranked by BM25."""

import ast
import heapq
import io
import math
import os
import re
import sysconfig
import tokenize
import warnings
from collections import Counter

import corpus

# Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), with its usual constants.
_K1 = 1.2
_B = 0.75
# A word of a definition's own name says more than one in its body.
_NAME_WEIGHT = 3
_SNIPPET = 120

_NAME = re.compile(r"[A-Za-z0-9]+")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Index:
    """The index of one package, of everything ("all"), or of a folder given instead of the standard library."""

    def __init__(self, package, root=None):
        self._root = os.path.abspath(root or sysconfig.get_paths()["stdlib"])
        self._files = corpus.files(package, self._root)
        self._done = 0
        self._lines = 0
        # A document is a definition: (file, name, first line, last line, words in it).
        self._documents = []
        self._postings = {}
        self._words = 0
        self._sources = []

    def index_more(self, count):
        """Index the next files, and tell how far it is."""
        for path in self._files[self._done : self._done + count]:
            self._add(path)
            self._done += 1
        return self.progress()

    def progress(self):
        return {
            "done": self._done,
            "total": len(self._files),
            "lines": self._lines,
            "definitions": len(self._documents),
            "words": len(self._postings),
        }

    def snapshot(self):
        """All of it, for a session that survives its worker."""
        return vars(self)

    def restore(self, state):
        vars(self).update(state)

    def search(self, query, limit):
        """The best hits: by score, then by place, so that equal indexes give equal answers."""
        wanted = sorted(set(_split(query)))
        average = self._words / max(1, len(self._documents))
        scores = {}
        for word in wanted:
            postings = self._postings.get(word, ())
            rarity = math.log(1 + (len(self._documents) - len(postings) + 0.5) / (len(postings) + 0.5))
            for document, frequency in postings:
                length = self._documents[document][4] / average
                gain = rarity * frequency * (_K1 + 1) / (frequency + _K1 * (1 - _B + _B * length))
                scores[document] = scores.get(document, 0.0) + gain
        best = heapq.nsmallest(limit, scores.items(), key=lambda item: (-item[1], item[0]))
        return [self._hit(document, score, wanted) for document, score in best]

    def _add(self, path):
        data = corpus.read(path)
        self._lines += corpus.count_lines(data)
        try:
            encoding = tokenize.detect_encoding(io.BytesIO(data).readline)[0]
            text = data.decode(encoding, "replace")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(text)
        except (SyntaxError, ValueError):
            return  # a template, or a file of another Python: counted, not searched
        # As the parser counts lines: a form feed ends none.
        lines = re.split(r"\r\n|\r|\n", text)
        file = len(self._sources)
        self._sources.append((os.path.relpath(path, self._root), lines))
        stem = os.path.splitext(os.path.basename(path))[0]
        self._document(file, stem, 1, 1, ast.get_docstring(tree) or "")
        self._definitions(file, tree, "", lines)

    def _definitions(self, file, parent, prefix, lines):
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, _DEFINITIONS):
                name = prefix + node.name
                last = node.end_lineno
                if isinstance(node, ast.ClassDef):
                    # Its methods are documents of their own; the class is what stands before the first of them.
                    inner = [child.lineno - 1 for child in node.body if isinstance(child, _DEFINITIONS)]
                    last = max(node.lineno, min(inner, default=last))
                self._document(file, name, node.lineno, last, "\n".join(lines[node.lineno - 1 : last]))
                self._definitions(file, node, name + ".", lines)
            elif not isinstance(node, ast.expr):
                self._definitions(file, node, prefix, lines)

    def _document(self, file, name, first, last, text):
        counts = Counter()
        # Names repeat: each is taken apart once.
        for found, times in Counter(_NAME.findall(text)).items():
            for word in _split(found):
                counts[word] += times
        for word in _split(name.rpartition(".")[2]):
            counts[word] += _NAME_WEIGHT
        length = sum(counts.values())
        self._words += length
        for word, frequency in counts.items():
            self._postings.setdefault(word, []).append((len(self._documents), frequency))
        self._documents.append((file, name, first, last, length))

    def _hit(self, document, score, wanted):
        file, name, first, last, _ = self._documents[document]
        path, lines = self._sources[file]
        best = max(range(first, last + 1), key=lambda line: len(set(wanted).intersection(_split(lines[line - 1]))))
        return {
            "file": path.replace(os.sep, "/"),
            "line": best,
            "name": name,
            "score": round(score, 4),
            "snippet": lines[best - 1].strip()[:_SNIPPET],
        }


def _split(text):
    """Words in lower case; `readLine`, `read_line` and `HTTPServer` come apart."""
    if text.isascii() and text.isalpha() and text.islower():
        return [text]  # most are like this
    return [word.lower() for word in _WORD.findall(text)]
