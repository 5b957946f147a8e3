using System.Globalization;
using System.Reflection;
using Microsoft.Azure.WebJobs.Extensions.Timers;
using Newtonsoft.Json.Linq;

namespace WebJobsHost;

/// <summary>When schedules are due, by the SDK's own parser.</summary>
internal static class Occurrences
{
    public static int Answer(TextReader questions, TextWriter answers)
    {
        while (questions.ReadLine() is { } line)
        {
            answers.WriteLine(Of(Lines.Parse(line)).ToString(Newtonsoft.Json.Formatting.None));
        }
        return 0;
    }

    // What timer triggers are read with, and not public.
    private static readonly MethodInfo TryCreate =
        typeof(CronSchedule).GetMethod("TryCreate", BindingFlags.Static | BindingFlags.NonPublic)!;

    private static CronSchedule? Parse(string expression)
    {
        object?[] arguments = [expression, null];
        return (bool)TryCreate.Invoke(null, arguments)! ? (CronSchedule)arguments[1]! : null;
    }

    private static JObject Of(JObject question)
    {
        var schedule = Parse((string)question["expression"]!);
        if (schedule is null) return new JObject { ["valid"] = false };
        var at = DateTime.Parse((string)question["base"]!, null, DateTimeStyles.AdjustToUniversal);
        var found = new JArray();
        try
        {
            for (var n = (int)question["count"]!; n > 0; n--)
            {
                at = schedule.GetNextOccurrence(at);
                found.Add(at.ToString("s") + "Z");
            }
        }
        catch (ArgumentOutOfRangeException)
        {
            // The parser has searched to the end of its calendar: there is no occurrence.
        }
        return new JObject { ["valid"] = true, ["next"] = found };
    }
}
