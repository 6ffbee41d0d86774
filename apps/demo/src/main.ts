/**
 * The command line of the demo.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { CliConfig, CliOutput, Command, Flag, GlobalFlag } from "effect/cli"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Runtime from "effect/Runtime"
import process from "node:process"
import * as Demo from "./Demo.ts"
import * as Report from "./Report.ts"
import * as Screen from "./Screen.ts"
import * as Text from "./Text.ts"

/** The program ends with this code, and says no more than it has said. */
class ExitCode extends Data.Error<{ readonly code: number }> {
  override readonly [Runtime.errorExitCode] = this.code
  override readonly [Runtime.errorReported] = false
}

const PACKAGES = /^[A-Za-z_]\w*(\.\w+)*(,[A-Za-z_]\w*(\.\w+)*)*$/

const demo = Command.make(
  "demo",
  {
    workers: Flag.Int("workers").pipe(
      Flag.withDescription("Python workers, 1 to 64 (default: 4)"),
      Flag.filter(
        (count) => count >= 1 && count <= 64,
        () => "Expected a number from 1 to 64"
      ),
      Flag.withDefault(4)
    ),
    packages: Flag.String("packages").pipe(
      Flag.withMetavar("names"),
      Flag.withDescription('What to index; "all" is all (default: asyncio,email,xml,all)'),
      Flag.filter(
        (names) => PACKAGES.test(names),
        () => "Expected names with commas between them, such as json,asyncio"
      ),
      Flag.withDefault("asyncio,email,xml,all")
    ),
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("Print the report as one JSON document, and nothing else"),
      Flag.withDefault(false)
    )
  },
  ({ json, packages, workers }) =>
    Effect.gen(function* () {
      const show = json ? () => {} : screen()
      const report = yield* Demo.run({
        workers,
        packages: [...new Set(packages.split(","))],
        tell: (update) => Effect.sync(() => show(update))
      }).pipe(
        Effect.catch((error) =>
          Effect.andThen(
            complain(error.message),
            new ExitCode({ code: error._tag === "UnknownPackage" ? 2 : 1 })
          )
        )
      )
      yield* Console.log(json ? JSON.stringify(report, null, 2) : ["", ...Report.render(report)].join("\n"))
      if (!report.ok) return yield* new ExitCode({ code: 1 })
    })
).pipe(
  Command.withDescription(
    Text.wrap(
      "Search sessions over packages of Python's own standard library. Workers are killed and functions misbehave on the way, and every promise of the pool is checked. FIREWEED_PYTHON names the interpreter.",
      76
    ).join("\n  ")
  )
)

const screen = () =>
  Screen.make({
    write: (text) => void process.stdout.write(text),
    terminal: process.stdout.isTTY,
    color: process.stdout.isTTY && process.env["NO_COLOR"] === undefined,
    columns: process.stdout.columns ?? 80
  })

const complain = (message: string): Effect.Effect<void> =>
  Console.error(Text.wrap(`demo: ${Text.printable(message)}`, 80).join("\n"))

/** What is wrong with the flags, in one line instead of the whole help. */
const presenter: CliOutput.Presenter = {
  present: (output) =>
    output._tag === "InvalidInvocation"
      ? Console.error(`demo: ${output.errors.map((error) => error.message).join("; ")} (see --help)`)
      : CliOutput.defaultPresenter.present(output)
}

// Whoever reads the output may have seen enough (`| head`). The workers leave by themselves when this process does.
process.stdout.on("error", () => process.exit(1))

demo.pipe(
  Command.run({ version: "0.0.0" }),
  Effect.catchTag("ShowHelp", ({ errors }) =>
    errors.length === 0 ? Effect.void : Effect.fail(new ExitCode({ code: 2 }))
  ),
  Effect.provide(
    Layer.mergeAll(
      NodeServices.layer,
      CliOutput.layerPresenter(presenter),
      CliConfig.layer({ builtIns: [GlobalFlag.Help] })
    )
  ),
  NodeRuntime.runMain
)
