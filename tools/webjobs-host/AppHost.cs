using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.Azure.WebJobs;
using Microsoft.Azure.WebJobs.Host.Executors;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace WebJobsHost;

/// <summary>The host from its start to its end.</summary>
internal static class AppHost
{
    private static readonly TimeSpan TerminateLimit = TimeSpan.FromSeconds(5);

    public static async Task<int> Run(IReadOnlyDictionary<string, string> options)
    {
        var stopping = new TaskCompletionSource();
        using var signal = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            stopping.TrySetResult();
        });
        var worker = Invocation.Worker = new Worker(options["worker"], options["app-dir"]);
        var functions = FunctionType.Create(await worker.Functions);
        using var host = Build(functions, Path.Combine(options["app-dir"], "host.json"));
        await host.StartAsync();
        using var admin = new AdminEndpoint(int.Parse(options["port"]), functions, host.Services.GetRequiredService<IJobHost>());
        Lines.Say(new { listening = admin.Address });

        await stopping.Task;
        // The limits are the Functions host's own (WebJobsScriptHostService, WorkerConstants); the SDK would wait for ever.
        var stopped = host.StopAsync();
        var drain = TimeSpan.FromSeconds(int.Parse(options.GetValueOrDefault("drain-seconds", "10")));
        var drained = await Task.WhenAny(stopped, Task.Delay(drain)) == stopped;
        var terminated = await worker.Terminate(TerminateLimit);
        // Now, whatever is under way: leaving this method would wait for it.
        Environment.Exit(drained && terminated ? 0 : 1);
        throw new UnreachableException();
    }

    private static IHost Build(Type functions, string hostJson)
    {
        var settings = new ConfigurationBuilder().AddJsonFile(hostJson).Build().AsEnumerable()
            .Where(pair => pair.Key.StartsWith("extensions:"))
            .Select(pair => KeyValuePair.Create("AzureWebJobs:" + pair.Key, pair.Value));
        return new HostBuilder()
            .ConfigureAppConfiguration(builder => builder
                .AddInMemoryCollection(settings)
                .AddEnvironmentVariables())
            .ConfigureWebJobs(builder => builder.AddAzureStorageCoreServices().AddAzureStorageQueues().AddTimers())
            .ConfigureLogging(logging => logging.SetMinimumLevel(LogLevel.Warning).AddFilter("Azure.Core", LogLevel.Error).AddProvider(new LineLogger()))
            .ConfigureServices(services =>
            {
                services.AddSingleton<ITypeLocator>(new TypeLocator(functions));
                services.AddSingleton<IHostIdProvider>(new HostId());
                // As the Functions host sets it: a function that can't be indexed is disabled, the others run.
                services.Configure<JobHostOptions>(jobs => jobs.AllowPartialHostStartup = true);
            })
            .Build();
    }

    private sealed record HostId : IHostIdProvider
    {
        public Task<string> GetHostIdAsync(CancellationToken cancellationToken) => Task.FromResult("local");
    }

    private sealed record TypeLocator(Type Functions) : ITypeLocator
    {
        public IReadOnlyList<Type> GetTypes() => [Functions];
    }
}
