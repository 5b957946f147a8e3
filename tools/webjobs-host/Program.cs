// Runs the queue and timer functions of an app on the WebJobs SDK, which Microsoft's Functions host stands on. A Node
// process loads the app and runs its functions; both speak JSON, one line a message. What this host prints, and what its
// admin endpoint answers, is what local/host/ prints and answers: one suite reads both.
//
// Usage: dotnet webjobs-host.dll run --worker <worker.cjs> --app-dir <folder> --port <port> [--drain-seconds <n>]
//        dotnet webjobs-host.dll occurrences     reads {"expression","base","count"} a line, answers one line each

using WebJobsHost;

return args switch
{
    ["run", .. var options] => await AppHost.Run(Options(options)),
    ["occurrences"] => Occurrences.Answer(Console.In, Console.Out),
    _ => throw new ArgumentException("Expected run or occurrences"),
};

static IReadOnlyDictionary<string, string> Options(string[] words) =>
    words.Chunk(2).ToDictionary(pair => pair[0].TrimStart('-'), pair => pair[1]);
