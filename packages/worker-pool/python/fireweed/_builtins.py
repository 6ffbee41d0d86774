"""The builtins as they were at the start. A module that takes `__builtins__` from here, before it defines anything, keeps them whatever
user code does to those that all modules share.
"""

import builtins

__builtins__ = dict(vars(builtins))
