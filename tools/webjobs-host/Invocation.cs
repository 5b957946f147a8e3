using Microsoft.Azure.WebJobs;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace WebJobsHost;

/// <summary>One run of a function: what the SDK gives it goes to the worker in the form that the Functions host sends.</summary>
public static class Invocation
{
    internal static Worker? Worker { get; set; }

    /// <summary>Called by the methods of <see cref="FunctionType"/>.</summary>
    public static async Task Run(string function, object trigger, Binder binder)
    {
        var began = System.Diagnostics.Stopwatch.StartNew();
        try
        {
            await Worker!.Invoke(function, TypedData(trigger), Metadata(binder));
            Lines.Say(new { @event = "invocation", function, ok = true, ms = began.ElapsedMilliseconds });
        }
        catch (Exception error)
        {
            Lines.Say(new { @event = "invocation", function, ok = false, ms = began.ElapsedMilliseconds, error = error.Message });
            throw;
        }
    }

    /// <summary>The Functions host leaves out what is null, and `sys`, which is for binding expressions only.</summary>
    private static JObject Metadata(Binder binder) =>
        new(binder.BindingData
            .Where(data => data.Value is not null && data.Key != "sys")
            .Select(data => new JProperty(data.Key, TypedData(data.Value))));

    private static JObject TypedData(object value) =>
        value is string text ? new JObject { ["string"] = text } : new JObject { ["json"] = JsonConvert.SerializeObject(value) };
}
