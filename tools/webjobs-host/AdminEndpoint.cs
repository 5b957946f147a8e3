using System.Net;
using Microsoft.Azure.WebJobs;
using Newtonsoft.Json.Linq;

namespace WebJobsHost;

/// <summary>`POST /admin/functions/NAME` with `{"input": "..."}` runs a function by hand, as in the Functions host.</summary>
internal sealed class AdminEndpoint : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly Type _functions;
    private readonly IJobHost _host;

    public AdminEndpoint(int port, Type functions, IJobHost host)
    {
        (_functions, _host, Address) = (functions, host, $"http://127.0.0.1:{port}");
        _listener.Prefixes.Add(Address + "/");
        _listener.Start();
        _ = Task.Run(Serve);
    }

    public string Address { get; }

    public void Dispose() => _listener.Close();

    private async Task Serve()
    {
        while (true)
        {
            var context = await _listener.GetContextAsync();
            using var reader = new StreamReader(context.Request.InputStream);
            var body = await reader.ReadToEndAsync();
            var method = _functions.GetMethod(context.Request.Url!.Segments[^1]);
            context.Response.StatusCode = method is null ? 404 : 202;
            context.Response.Close();
            if (method is null) continue;
            var trigger = method.GetParameters()[0].Name!;
            var arguments = new Dictionary<string, object> { [trigger] = (string)Lines.Parse(body)["input"]! };
            _ = Task.Run(() => _host.CallAsync(method.Name, arguments));
        }
    }
}
