"""Workers: the processes that run answers, and the wire to them.

Theory of operation ------------------- A *zygote* (`zygote.py`) is one process for each track of a run. It imports the
framework and the harness, runs no operation, holds no secret, and listens on a socket. For each submission it forks a
*keeper*, and the keeper forks the *contestant*: the process in which a student's code runs.

- The keeper holds a control socket to the judge. When the judge says so, or goes away, the keeper kills the
  contestant and everything in its pid namespace with a signal that cannot be refused. It reports how the contestant
  ended.
- The contestant gives up its rights (`jail.py`) before it reads the first byte of a student's code. Then it is a
  function server (`harness.py`): it takes programs (plain data) and gives back raw arrays. The adapters
  (`pytorch.py`, `tensorflow.py`) turn arrays into tensors and modules into handles.
- The *reference* is a fork of the same zygote, without the jail: it serves the solutions to every judge of the run,
  and remembers its answers.

The workers know no test, no seed, no expected value and no verdict. A contestant's replies are data about the student's
answer, so the worst that it can do is to reply with wrong data.
"""
