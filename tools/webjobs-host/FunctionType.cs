using System.Reflection;
using System.Reflection.Emit;
using Microsoft.Azure.WebJobs;
using Newtonsoft.Json.Linq;
using Binder = Microsoft.Azure.WebJobs.Binder;

namespace WebJobsHost;

/// <summary>
/// The SDK finds functions as methods with attributes. So the functions of the app become methods of a type made at
/// run time, `Host.Functions`, which is its name in the Functions host, too: it is part of where a timer's status lies.
/// </summary>
internal static class FunctionType
{
    public static Type Create(JArray functions)
    {
        var assembly = AssemblyBuilder.DefineDynamicAssembly(new AssemblyName("Host"), AssemblyBuilderAccess.Run);
        var type = assembly.DefineDynamicModule("Host").DefineType("Host.Functions", TypeAttributes.Public);
        foreach (var function in functions.Cast<JObject>()) AddMethod(type, (string)function["name"]!, TriggerOf(function));
        return type.CreateType();
    }

    private static JProperty TriggerOf(JObject function) =>
        ((JObject)function["bindings"]!).Properties().First(binding => ((string)binding.Value["type"]!).EndsWith("Trigger"));

    private static void AddMethod(TypeBuilder type, string name, JProperty binding)
    {
        var trigger = (JObject)binding.Value;
        var (parameter, attribute) = (string)trigger["type"]! switch
        {
            "queueTrigger" => (typeof(string), QueueTrigger(trigger)),
            "timerTrigger" => (typeof(TimerInfo), TimerTrigger(trigger)),
            var other => throw new NotSupportedException($"{name}: this host knows no trigger \"{other}\""),
        };
        var method = type.DefineMethod(
            name, MethodAttributes.Public | MethodAttributes.Static, typeof(Task), [parameter, typeof(Binder)]);
        method.SetCustomAttribute(Attribute<FunctionNameAttribute>([name]));
        method.DefineParameter(1, ParameterAttributes.None, binding.Name).SetCustomAttribute(attribute);
        method.DefineParameter(2, ParameterAttributes.None, "binder");
        var code = method.GetILGenerator();
        code.Emit(OpCodes.Ldstr, name);
        code.Emit(OpCodes.Ldarg_0);
        code.Emit(OpCodes.Ldarg_1);
        code.Emit(OpCodes.Call, typeof(Invocation).GetMethod(nameof(Invocation.Run))!);
        code.Emit(OpCodes.Ret);
    }

    private static CustomAttributeBuilder QueueTrigger(JObject trigger) =>
        Attribute<QueueTriggerAttribute>([(string)trigger["queueName"]!], ("Connection", (string?)trigger["connection"]));

    private static CustomAttributeBuilder TimerTrigger(JObject trigger) =>
        Attribute<TimerTriggerAttribute>(
            [(string)trigger["schedule"]!],
            ("UseMonitor", (bool?)trigger["useMonitor"]),
            ("RunOnStartup", (bool?)trigger["runOnStartup"]));

    private static CustomAttributeBuilder Attribute<T>(object[] arguments, params (string Name, object? Value)[] properties)
    {
        var set = properties.Where(property => property.Value is not null).ToArray();
        return new CustomAttributeBuilder(
            typeof(T).GetConstructor([.. arguments.Select(argument => argument.GetType())])!,
            arguments,
            [.. set.Select(property => typeof(T).GetProperty(property.Name)!)],
            [.. set.Select(property => property.Value)]);
    }
}
