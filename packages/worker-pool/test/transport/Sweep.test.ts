import { assert, describe, it } from "@effect/vitest"
import * as Sweep from "../../src/transport/Sweep.ts"

const own: Sweep.Mark = { pid: 100, start: "5000", namespaces: "1.2", nonce: "own" }
const orphan: Sweep.Mark = { pid: 7, start: "10", namespaces: "1.2", nonce: "gone" }

interface Entry extends Partial<Sweep.Stat> {
  readonly mark?: Sweep.Mark | undefined
  /** What its environment is when it is read a second time. */
  readonly later?: string
}

/** A machine with these processes, and a list of what was killed. */
const machine = (table: Readonly<Record<number, Entry>>) => {
  const killed: Array<number> = []
  const reads = new Map<number, number>()
  const processes: Sweep.Processes = {
    pids: () => Object.keys(table).map(Number),
    environment: (pid) => {
      const entry = table[pid]
      const read = (reads.get(pid) ?? 0) + 1
      reads.set(pid, read)
      if (read > 1 && entry?.later !== undefined) return entry.later
      return entry?.mark && `PATH=/bin\0FIREWEED_POOL=${Sweep.formatMark(entry.mark)}\0HOME=/\0`
    },
    stat: (pid) => {
      const { group = 1, start = "10", state = "S" } = table[pid] ?? {}
      return pid in table ? { group, start, state } : undefined
    },
    exists: (pid) => pid in table,
    kill: (pid) => void killed.push(pid)
  }
  return { processes, killed }
}

const always = () => true
const noTime = () => 0

describe("a mark", () => {
  it("is read as it was written, among other variables", () => {
    assert.deepStrictEqual(Sweep.parseMark(Sweep.formatMark(own)), own)
    assert.deepStrictEqual(Sweep.markIn(`A=1\0FIREWEED_POOL=${Sweep.formatMark(own)}\0B=\0`), own)
  })

  for (const text of ["", "1", "1:2:3", "1:2:3:", "-1:2:3:n", "x:2:3:n", "1:2:3:a b", " 1:2:3:n"]) {
    it(`is not ${JSON.stringify(text)}`, () => assert.isUndefined(Sweep.parseMark(text)))
  }

  it("is not in a variable whose name ends or begins like it", () => {
    const text = Sweep.formatMark(own)
    assert.isUndefined(
      Sweep.markIn(`MY_FIREWEED_POOL=${text}\0FIREWEED_POOLS=${text}\0A=FIREWEED_POOL=${text}\0`)
    )
  })
})

describe("the state of a process", () => {
  const after = "S 1 42 42 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 987654 1 2"
  it("is read whatever its name holds", () => {
    for (const name of ["python3", "a) S 1 2 (b", ") Z 9 9", "two\nlines"]) {
      assert.deepStrictEqual(Sweep.parseStat(`42 (${name}) ${after}`), {
        state: "S",
        group: 42,
        start: "987654"
      })
    }
  })
  it("is unknown when the line is cut", () => assert.isUndefined(Sweep.parseStat("42 (python3) S 1 42")))
})

const isOrphaned = (mark: Sweep.Mark, table: Readonly<Record<number, Entry>>) =>
  Sweep.isOrphaned(mark, own, machine(table).processes)

describe("the program of a mark", () => {
  it("is gone when nobody has its number", () => assert.isTrue(isOrphaned(orphan, {})))
  it("lives when its number and its start time do", () => assert.isFalse(isOrphaned(orphan, { 7: {} })))
  it("is gone when another has its number", () => assert.isTrue(isOrphaned(orphan, { 7: { start: "11" } })))
  it("is gone when only its parent does not know yet", () =>
    assert.isTrue(isOrphaned(orphan, { 7: { state: "Z" } })))
  it("is nobody we know in other namespaces", () =>
    assert.isFalse(isOrphaned({ ...orphan, namespaces: "3.2" }, {})))
  it("lives when it is hidden from us", () => {
    const { processes } = machine({})
    assert.isFalse(Sweep.isOrphaned(orphan, own, { ...processes, exists: always }))
  })
})

describe("what is killed", () => {
  it("is what was chosen by its mark, with the group it leads", () => {
    const { killed, processes } = machine({
      7: {},
      20: { mark: orphan, group: 20 },
      21: { mark: orphan, group: 20 },
      22: { mark: own },
      23: {}
    })
    assert.deepStrictEqual(
      Sweep.killMarked(processes, ({ nonce }) => nonce === "gone", noTime, 1),
      [20, 21]
    )
    assert.deepStrictEqual(killed, [-20, 20, 21])
  })

  it("is never one whose number went to another meanwhile", () => {
    const { killed, processes } = machine({ 20: { mark: orphan, later: "PATH=/bin\0" } })
    assert.deepStrictEqual(Sweep.killMarked(processes, always, noTime, 1), [])
    assert.deepStrictEqual(killed, [])
  })

  it("is what was found within the limit of time", () => {
    const { processes } = machine(
      Object.fromEntries(Array.from({ length: 50 }, (_, index) => [index + 2, { mark: orphan }]))
    )
    let time = 0
    assert.strictEqual(Sweep.killMarked(processes, always, () => time++, 10).length, 10)
  })
})
