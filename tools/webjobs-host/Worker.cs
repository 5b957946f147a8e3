using System.Collections.Concurrent;
using System.Diagnostics;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace WebJobsHost;

/// <summary>The Node process that loads the app and runs its functions.</summary>
internal sealed class Worker
{
    private readonly Process _process;
    private readonly ConcurrentDictionary<string, TaskCompletionSource<JObject>> _waiting = new();
    private readonly TaskCompletionSource<JArray> _functions = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly SemaphoreSlim _sending = new(1);
    private readonly Task _reading;
    private volatile bool _terminating;

    public Worker(string script, string appDir)
    {
        var start = new ProcessStartInfo("node", [script, appDir]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        _process = Process.Start(start)!;
        _reading = Task.Run(Read);
    }

    /// <summary>What the app registered: name and bindings of each function.</summary>
    public Task<JArray> Functions => _functions.Task;

    /// <summary>Runs a function; throws what it threw.</summary>
    public async Task Invoke(string function, JObject trigger, JObject metadata)
    {
        var id = Guid.NewGuid().ToString();
        var answer = new TaskCompletionSource<JObject>(TaskCreationOptions.RunContinuationsAsynchronously);
        _waiting[id] = answer;
        await Send(new { id, function, trigger, metadata });
        var ended = await answer.Task;
        if (ended["error"] is { } error) throw new InvalidOperationException((string)error!);
    }

    /// <summary>Lets the app's terminate hooks run; false if they take too long.</summary>
    public async Task<bool> Terminate(TimeSpan limit)
    {
        _terminating = true;
        await Send(new { terminate = true });
        // Its last lines may still be unread when it has ended.
        var exited = Task.WhenAll(_process.WaitForExitAsync(), _reading);
        if (await Task.WhenAny(exited, Task.Delay(limit)) == exited) return _process.ExitCode == 0;
        _process.Kill();
        return false;
    }

    private async Task Send(object message)
    {
        // Functions run side by side, and a stream takes one writer at a time.
        await _sending.WaitAsync();
        try
        {
            await _process.StandardInput.WriteAsync(JsonConvert.SerializeObject(message) + "\n");
            await _process.StandardInput.FlushAsync();
        }
        finally
        {
            _sending.Release();
        }
    }

    private async Task Read()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            var message = Lines.Parse(line);
            if (message["registered"] is JArray functions) _functions.SetResult(functions);
            else if (message["ended"] is { } id && _waiting.TryRemove((string)id!, out var answer)) answer.SetResult(message);
            else Lines.Say(line);
        }
        _functions.TrySetException(new InvalidOperationException("The worker ended before it had loaded the app"));
        // At the host's own end, what is under way is cut: it neither succeeds nor fails.
        if (_terminating) return;
        foreach (var answer in _waiting.Values) answer.TrySetException(new InvalidOperationException("The worker ended"));
    }
}
