using Microsoft.Extensions.Logging;

namespace WebJobsHost;

/// <summary>Prints what the SDK logs as the local host prints its log.</summary>
internal sealed class LineLogger : ILoggerProvider, ILogger
{
    public ILogger CreateLogger(string categoryName) => this;

    public void Dispose()
    {
    }

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel level) => level >= LogLevel.Warning;

    public void Log<TState>(LogLevel level, EventId id, TState state, Exception? error, Func<TState, Exception?, string> format)
    {
        var message = string.Join(' ', [format(state, error), .. Chain(error).Select(one => one.Message)]);
        Lines.Say(new { @event = "log", level = level.ToString().ToLowerInvariant(), category = "system", message });
    }

    private static IEnumerable<Exception> Chain(Exception? error)
    {
        for (; error is not null; error = error.InnerException) yield return error;
    }
}
